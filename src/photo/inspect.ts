/** Inspects an uploaded file: its type by content, whether it decodes to its end, and its brightness and contrast. */
import { open } from 'node:fs/promises';
import { fileTypeFromFile } from 'file-type';
import sharp from 'sharp';
import { decoding, header, picture } from '../storage/decoder.ts';
import type { UploadedFile } from '../storage/uploaded-file.ts';
import {
  corrupt,
  findingsOf,
  type PhotoFinding,
  type Rejection,
  rejectByShape,
  rejectBySize,
  rejectByType,
} from './rules.ts';

/** A file that passed every rule but those of its avatar. */
export type AcceptedPhoto = { mimeType: string; width: number; height: number; findings: PhotoFinding[] };

/** Decodes the pixels last: a file that its size, type or header rules out costs a millisecond. */
export async function inspectPhoto(file: UploadedFile): Promise<Rejection | AcceptedPhoto> {
  const rejection = rejectBySize(file);
  if (rejection) return rejection;
  const mimeType = await typeOf(file.path);
  return rejectByType(mimeType) ?? (await inspectPixels(file, mimeType).catch(() => corrupt));
}

/** Throws when the header cannot be read, or the pixels do not decode to the end. */
async function inspectPixels({ path, byteSize }: UploadedFile, mimeType: string): Promise<Rejection | AcceptedPhoto> {
  const { autoOrient, pages = 1 } = await header(path);
  const { width, height } = autoOrient;
  const rejection = rejectByShape({ width, height, frames: pages });
  if (rejection) return rejection;
  const luma = await decoding(() => lumaOf(path));
  return { mimeType, width, height, findings: findingsOf({ byteSize, width, height, ...luma }) };
}

/** Reads the type from the content; the name does not count. */
async function typeOf(path: string): Promise<string> {
  const type = await fileTypeFromFile(path);
  if (type?.mime.startsWith('image/')) return type.mime;
  return (await looksLikeSvg(path)) ? 'image/svg+xml' : (type?.mime ?? 'application/octet-stream');
}

/** file-type does not recognise SVG, which is text. */
async function looksLikeSvg(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
    return /^\uFEFF?\s*<(?:[^]*<)?svg[\s>]/i.test(buffer.toString('utf8', 0, bytesRead));
  } finally {
    await file.close();
  }
}

/** Brightness and contrast, 0 to 255, with transparent pixels on white. libvips measures them in its own threads. */
async function lumaOf(path: string): Promise<{ lumaMean: number; lumaDeviation: number }> {
  const grey = picture(path).flatten({ background: '#ffffff' }).greyscale().toColourspace('b-w').raw();
  const { data, info } = await grey.toBuffer({ resolveWithObject: true });
  const { channels } = await sharp(data, { raw: info }).stats();
  const [luma] = channels;
  if (luma === undefined) throw new Error('sharp returned no channel for the picture.');
  return { lumaMean: luma.mean, lumaDeviation: luma.stdev };
}
