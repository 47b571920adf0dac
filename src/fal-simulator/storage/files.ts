/** fal's file storage: bytes in a folder, told by content hash, under a URL that anyone may read. */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Store, StoredFile } from './store.ts';

export interface Storage {
  /** Where an unfinished upload may keep its parts. Emptied at the next start. */
  readonly scratch: string;
  /** Takes a file in, while it streams; nothing of it stays when the stream fails. `id` names a file known before. */
  put(
    bytes: AsyncIterable<Buffer> | Iterable<Buffer>,
    about: { name: string; contentType: string; id?: string; expiresAt?: number | undefined },
  ): Promise<StoredFile>;
  find(id: string): StoredFile | undefined;
  pathOf(file: StoredFile): string;
  read(file: StoredFile, range?: { start: number; end: number }): Readable;
}

export class FileTooLarge extends Error {}

const largestBytes = 4 * 2 ** 30;

/** Opens the folder's files, and removes what a crash left half written or without a line in the store. */
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
          done(size > largestBytes ? new FileTooLarge() : null, chunk);
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

/** The last part of a file's URL: its id, then its name without anything that a URL or a folder could trip over. */
export function fileSlug(id: string, name: string): string {
  return `${id}_${name.replaceAll(/[^\w.-]+/g, '_').slice(-80)}`;
}

/** A path on our own server: `/files/b/<prefix>/<id>_<name>`, as on v3b.fal.media. */
export function filePath(file: Pick<StoredFile, 'id' | 'name'>): string {
  return `/files/b/${file.id.slice(0, 8)}/${fileSlug(file.id, file.name)}`;
}

const loopback = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/;
const fileUrlPath = /^\/files\/b\/[0-9a-f]{8}\/([0-9a-f-]{36})_[\w.-]*$/;

/**
 * The id of a file of ours, from its URL: any loopback address will do, since the port may be another after a restart.
 */
export function fileIdOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { hostname, pathname } = new URL(url);
  return loopback.test(hostname) ? fileUrlPath.exec(pathname)?.[1] : undefined;
}
