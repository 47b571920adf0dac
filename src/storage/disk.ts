/** The folder that holds the files: `ab/cd/<hash>`, `temporary/` and `renditions/<hash>/`. It knows no database. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { failpoint } from '../failpoint.ts';
import { assertWritable } from './space.ts';

export type Disk = ReturnType<typeof createDisk>;

/** More bytes came than the file may have. */
export class FileTooLarge extends Error {
  constructor(maxBytes: number) {
    super(`The file has more than ${maxBytes} bytes.`);
  }
}

export function createDisk(folder: string, free: () => Promise<number>) {
  const path = (hash: string) => join(folder, hash.slice(0, 2), hash.slice(2, 4), hash);
  const temporary = join(folder, 'temporary');
  const newPath = async () => {
    await mkdir(temporary, { recursive: true });
    return join(temporary, randomUUID());
  };
  return {
    folder,
    path,
    temporary,
    /** A path to write a file to that is then renamed to its own; what a crash leaves there is swept. */
    newPath,
    /** Where a file's renditions lie; '' for all of them. */
    renditions: (hash: string) => join(folder, 'renditions', hash),

    async write(bytes: Readable | Uint8Array, { maxBytes }: { maxBytes: number }) {
      await assertWritable(free);
      const unfinished = await newPath();
      try {
        const written = await copyHashed(bytes, unfinished, maxBytes);
        const target = path(written.hash);
        await mkdir(dirname(target), { recursive: true });
        // Over the same file when there is one: it is the same, and now it counts as new.
        await rename(unfinished, target);
        // The name, and the folders that may be new with it, last through a power cut.
        for (const parent of [dirname(target), dirname(dirname(target)), folder]) await sync(parent);
        return written;
      } catch (error) {
        await rm(unfinished, { force: true });
        throw error;
      }
    },

    async remove(hash: string): Promise<void> {
      await rm(path(hash), { force: true });
      await rm(join(folder, 'renditions', hash), { recursive: true, force: true });
    },

    /** The paths of all files, one folder at a time. */
    async *paths(): AsyncGenerator<string[]> {
      for (const first of await namesIn(folder, /^[0-9a-f]{2}$/)) {
        for (const second of await namesIn(join(folder, first), /^[0-9a-f]{2}$/)) {
          const parent = join(folder, first, second);
          yield (await namesIn(parent, /^[0-9a-f]{64}$/)).map((hash) => join(parent, hash));
        }
      }
    },
  };
}

/** The names in a folder; none when it is not there. */
export async function namesIn(folder: string, pattern: RegExp): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => pattern.test(name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function copyHashed(bytes: Readable | Uint8Array, target: string, maxBytes: number) {
  const hash = createHash('sha256');
  let byteSize = 0;
  const file = await open(target, 'wx');
  try {
    const chunks: AsyncIterable<Uint8Array> | Uint8Array[] = bytes instanceof Uint8Array ? [bytes] : bytes;
    for await (const chunk of chunks) {
      byteSize += chunk.length;
      if (byteSize > maxBytes) throw new FileTooLarge(maxBytes);
      hash.update(chunk);
      await file.writeFile(chunk);
      await failpoint('file.half');
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { hash: hash.digest('hex'), byteSize };
}

/** Makes what was written, or named, under this path last through a power cut. */
export async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
