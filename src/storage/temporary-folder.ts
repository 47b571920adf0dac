/** The folder of temporary files on this machine: each file is written here before the storage takes it. The sweep removes what a crash leaves. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { failpoint } from '../runtime/failpoint.ts';
import { assertSpaceForFile } from './disk-space.ts';

export type WrittenFile = { hash: string; byteSize: number };

export type TemporaryFolder = ReturnType<typeof createTemporaryFolder>;

/** The file is larger than its limit. */
export class FileTooLarge extends Error {
  constructor(maxBytes: number) {
    super(`The file is larger than ${maxBytes} bytes.`);
  }
}

export function createTemporaryFolder(folder: string, free: () => Promise<number>) {
  const newPath = async () => {
    await mkdir(folder, { recursive: true });
    return join(folder, randomUUID());
  };
  return {
    /** Returns a path for a new file, which the caller removes. */
    newPath,

    /** Streams the bytes to disk and hashes them on the way. Does not sync: the storage does when it takes the file. Throws DiskFull and FileTooLarge. */
    async write(
      bytes: Readable | Uint8Array,
      { maxBytes }: { maxBytes: number },
    ): Promise<WrittenFile & { path: string }> {
      await assertSpaceForFile(free);
      const path = await newPath();
      try {
        return { path, ...(await copyHashed(bytes, path, maxBytes)) };
      } catch (error) {
        await rm(path, { force: true });
        throw error;
      }
    },

    /** Removes everything that was last written at least `ageMs` ago. */
    async sweep(ageMs: number): Promise<void> {
      for (const name of await namesIn(folder, /./)) {
        const path = join(folder, name);
        const writtenAt = await writtenAtOf(path);
        if (writtenAt !== undefined && isOlderThan(ageMs, writtenAt)) await rm(path, { recursive: true, force: true });
      }
    },
  };
}

export const isOlderThan = (ageMs: number, at: Date) => at.getTime() <= Date.now() - ageMs;

/** Undefined when there is no such file any more. */
export async function writtenAtOf(path: string): Promise<Date | undefined> {
  return (await stat(path).catch(() => undefined))?.mtime;
}

/** The names in a folder that match; none when there is no such folder. */
export async function namesIn(folder: string, pattern: RegExp): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => pattern.test(name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function copyHashed(bytes: Readable | Uint8Array, target: string, maxBytes: number): Promise<WrittenFile> {
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
  } finally {
    await file.close();
  }
  return { hash: hash.digest('hex'), byteSize };
}

/** Flushes a file's bytes, or a folder's names, to disk, so that they survive a power cut. */
export async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
