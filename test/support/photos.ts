/** The pictures of test/photos as a server has them once they are uploaded. */
import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UploadedFile } from '../../src/storage/uploaded-file.ts';

const folder = join(import.meta.dirname, '../photos');

/** `good/01.jpg`, or a file anywhere. */
export const photoPath = (name: string) => join(folder, name);

export const photoNames = (kind: 'good' | 'bad') => readdirSync(join(folder, kind)).sort();

export function uploaded(path: string, fileName = basename(path)): UploadedFile {
  return new UploadedFile({ fileName, path, byteSize: statSync(path).size, isTruncated: false });
}

export const goodPhotos = () => photoNames('good').map((name) => uploaded(photoPath(`good/${name}`)));
