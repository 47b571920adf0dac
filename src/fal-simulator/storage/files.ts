/** fal's file storage: files in a folder, each under a URL that anyone may read. */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Store, StoredFile } from './store.ts';

export interface Storage {
  /** A folder for unfinished uploads, emptied at the next start. */
  readonly scratch: string;
  /** Stores a file from a stream; keeps nothing when the stream fails. `id` replaces the file with that id. */
  put(
    bytes: AsyncIterable<Buffer> | Iterable<Buffer>,
    about: { name: string; contentType: string; id?: string; expiresAt?: number | undefined },
  ): Promise<StoredFile>;
  find(id: string): StoredFile | undefined;
  pathOf(file: StoredFile): string;
  read(file: StoredFile, range?: { start: number; end: number }): Readable;
}

export class FileTooLarge extends Error {}

const maxBytes = 4 * 2 ** 30;

/** Opens the folder and deletes files without a record in the store, which a crash can leave. */
export async function openStorage(folder: string, store: Store): Promise<Storage> {
  const files = join(folder, 'files');
  const scratch = join(folder, 'uploads');
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  await mkdir(files, { recursive: true });
  for (const id of await readdir(files)) if (store.file(id) === undefined) await rm(join(files, id), { force: true });

  const pathOf = (file: { id: string }) => join(files, file.id);
  return {
    scratch,
    find: (id) => store.file(id),
    pathOf,
    read: (file, range) => createReadStream(pathOf(file), range),
    async put(bytes, { name, contentType, id = randomUUID(), expiresAt }) {
      const temporary = join(scratch, randomUUID());
      const hash = createHash('sha256');
      let size = 0;
      const measure = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          size += chunk.length;
          hash.update(chunk);
          done(size > maxBytes ? new FileTooLarge() : null, chunk);
        },
      });
      try {
        await pipeline(Readable.from(bytes, { objectMode: false }), measure, createWriteStream(temporary));
        await rename(temporary, pathOf({ id }));
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
      return await store.putFile({ id, name, contentType, size, sha256: hash.digest('hex'), expiresAt });
    },
  };
}

/** The last segment of a file's URL: its id and its name, reduced to characters that are safe in URLs and paths. */
export function fileSlug(id: string, name: string): string {
  return `${id}_${name.replaceAll(/[^\w.-]+/g, '_').slice(-80)}`;
}

/** The path of a file's URL: `/files/b/<prefix>/<id>_<name>`, as on v3b.fal.media. */
export function filePath(file: Pick<StoredFile, 'id' | 'name'>): string {
  return `/files/b/${file.id.slice(0, 8)}/${fileSlug(file.id, file.name)}`;
}

const loopback = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/;
const fileUrlPath = /^\/files\/b\/[0-9a-f]{8}\/([0-9a-f-]{36})_[\w.-]*$/;

/**
 * The id of a simulated file from its URL. Any loopback address and port match, because the port can change at a restart.
 */
export function fileIdOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { hostname, pathname } = new URL(url);
  return loopback.test(hostname) ? fileUrlPath.exec(pathname)?.[1] : undefined;
}
