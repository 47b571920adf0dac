/** A store of files in a folder: `ab/cd/<hash>` and `renditions/<hash>/`, on the same disk as the temporary folder. */
import { existsSync } from 'node:fs';
import { access, constants, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type BlobStore,
  FileNotFound,
  fileKey,
  type OpenFile,
  readKey,
  renditionsOf,
  StorageMisconfigured,
  type StoredBlob,
} from './blob-store.ts';
import { namesIn, sync, writtenAtOf } from './temporary-folder.ts';

export function createFolderStore(folder: string): BlobStore {
  const pathOf = (key: string) => join(folder, key);
  return {
    async put(path, key) {
      const target = pathOf(key);
      try {
        await sync(path);
        await mkdir(dirname(target), { recursive: true });
        await rename(path, target);
        // Syncs the file's name and its folders, which may be new, so that they survive a power cut.
        for (const parent of [dirname(target), dirname(dirname(target)), folder]) await sync(parent);
      } catch (error) {
        await rm(path, { force: true });
        throw error;
      }
    },
    byteSize: async (key) => (await undefinedIfMissing(stat(pathOf(key))))?.size,
    open: (key) => openFile(pathOf(key)),
    async withLocalFile(hash, work) {
      const path = pathOf(fileKey(hash));
      try {
        return await work(path);
      } catch (error) {
        throw existsSync(path) ? error : new FileNotFound(hash);
      }
    },
    async removeFile(hash) {
      await rm(pathOf(fileKey(hash)), { force: true });
      await rm(pathOf(renditionsOf(hash)), { recursive: true, force: true });
    },
    async remove(keys) {
      for (const key of keys) await rm(pathOf(key), { force: true });
    },
    async *list() {
      for (const parent of await parentsIn(folder)) {
        const keys = (await namesIn(pathOf(parent), /./)).map((name) => `${parent}/${name}`);
        const found = await Promise.all(keys.map((key) => describe(key, pathOf(key))));
        yield found.filter((one) => one !== undefined);
      }
    },
    async check() {
      try {
        await mkdir(folder, { recursive: true });
        await access(folder, constants.W_OK);
      } catch {
        // Without the path, because /ready is public and shows this message.
        throw new StorageMisconfigured('cannot be written to');
      }
    },
    close: () => undefined,
  };
}

async function openFile(path: string): Promise<OpenFile | undefined> {
  const file = await undefinedIfMissing(open(path));
  if (file === undefined) return undefined;
  const { size } = await file.stat();
  return {
    byteSize: size,
    read: (range) => Promise.resolve(file.createReadStream(range)),
    close: () => file.close(),
  };
}

/** Every folder that holds files or renditions. */
async function parentsIn(folder: string): Promise<string[]> {
  const parents: string[] = [];
  for (const first of await namesIn(folder, /^[\da-f]{2}$/)) {
    for (const second of await namesIn(join(folder, first), /^[\da-f]{2}$/)) parents.push(`${first}/${second}`);
  }
  const drawn = await namesIn(join(folder, 'renditions'), /^[\da-f]{64}$/);
  return [...parents, ...drawn.map((hash) => `renditions/${hash}`)];
}

async function describe(key: string, path: string): Promise<StoredBlob | undefined> {
  const named = readKey(key);
  const writtenAt = named && (await writtenAtOf(path));
  return writtenAt && { key, ...named, writtenAt };
}

async function undefinedIfMissing<T>(operation: Promise<T>): Promise<T | undefined> {
  try {
    return await operation;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
