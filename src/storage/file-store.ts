/** Files by the hash of their content. */
import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Logger } from 'pino';
import type { Database, Tx } from '../database/client.ts';
import { type BlobStore, FileNotFound, fileKey, type OpenFile } from './blob-store.ts';
import { assertSpace } from './disk-space.ts';
import { hourMs, recordOrphans, removeUnused, sweepStore } from './garbage-collection.ts';
import type { Rendition } from './rendition.ts';
import { createRenditions } from './renditions.ts';
import type { TemporaryFolder, WrittenFile } from './temporary-folder.ts';

export interface FileStore {
  /**
   * Streams the bytes into the place of the files, synced, under their SHA-256. Running twice gives the same file. Throws
   * FileTooLarge when they pass maxBytes. What is not recorded within the hour is swept.
   */
  write(bytes: Readable | Uint8Array, options: { maxBytes: number }): Promise<WrittenFile>;
  /** The same, after a look at the whole file on this machine. When `look` throws, nothing is kept. */
  writeInspected<Inspection>(
    bytes: Readable | Uint8Array,
    options: { maxBytes: number; inspect: (path: string) => Promise<Inspection> },
  ): Promise<{ file: WrittenFile; inspection: Inspection }>;
  /**
   * Records written files, in the transaction of the rows that refer to them. Throws FileNotFound when a file was removed
   * since it was written: nothing referred to it yet. The caller then writes it again and begins anew.
   */
  record(tx: Tx, files: (WrittenFile & { contentType: string })[]): Promise<void>;
  /** The bytes, to be read or closed. Throws FileNotFound. */
  open(hash: string): Promise<OpenFile>;
  /** Runs with a path of this machine to read a file at, for as long as it runs. Throws FileNotFound. */
  withLocalFile<T>(hash: string, work: (path: string) => Promise<T>): Promise<T>;
  /** A path for a temporary file of the caller's, who removes it; what a crash leaves there is swept. */
  newTemporaryPath(): Promise<string>;
  /**
   * A picture, resized and converted; made when it is not there yet. Two calls at once make it once. Throws FileNotFound.
   */
  render(hash: string, rendition: Rendition): Promise<OpenFile>;
  /**
   * Removes what nothing refers to, of these files or of all: run it after the commit that dropped the last reference,
   * or with files that were written and are not wanted after all. Never throws; what it could not remove, a sweep does.
   */
  removeUnused(hashes?: string[]): Promise<number>;
  /**
   * Removes every file that nothing refers to, and what crashes left behind: files that no row knows and temporary files,
   * once they are an hour old; renditions once they are a week old, or at once when their picture is gone. For those it
   * looks through the whole blobs, at most once an hour however often it is called.
   */
  sweep(): Promise<number>;
  /** Refuses new work while the disk is almost full. Throws LimitReachedError. */
  assertSpace(): Promise<void>;
  /** Whether the place of the files can be worked with now, else what is wrong with it. */
  health(): Promise<true | string>;
}

export function createFileStore({
  blobs,
  temporaryFolder,
  prisma,
  log,
  free,
}: {
  blobs: BlobStore;
  temporaryFolder: TemporaryFolder;
  prisma: Database;
  log: Logger;
  /** Bytes that are free on this machine's disk. */
  free: () => Promise<number>;
}): FileStore {
  const renditions = createRenditions(blobs, temporaryFolder);
  const isThere = async (hash: string) => (await blobs.byteSize(fileKey(hash))) !== undefined;
  let searchedAt = 0;
  const writeInspected: FileStore['writeInspected'] = async (bytes, { maxBytes, inspect }) => {
    const { path, ...file } = await temporaryFolder.write(bytes, { maxBytes });
    try {
      const inspection = await inspect(path);
      await blobs.put(path, fileKey(file.hash));
      return { file, inspection };
    } finally {
      await rm(path, { force: true });
    }
  };
  return {
    write: async (bytes, { maxBytes }) =>
      (await writeInspected(bytes, { maxBytes, inspect: () => Promise.resolve() })).file,
    writeInspected,
    async record(tx, files) {
      // In one order, so that two transactions that record the same files never wait for each other in a circle.
      for (const file of files.toSorted((a, b) => (a.hash < b.hash ? -1 : 1))) {
        // Waits for a removal of the same row that is under way, and then finds the file missing.
        await tx.$executeRaw`
          INSERT INTO "StoredFile" ("hash", "byteSize", "contentType")
          VALUES (${file.hash}, ${file.byteSize}, ${file.contentType})
          ON CONFLICT ("hash") DO UPDATE SET "putAt" = CURRENT_TIMESTAMP, "contentType" = EXCLUDED."contentType"`;
        if ((await blobs.byteSize(fileKey(file.hash))) !== file.byteSize) throw new FileNotFound(file.hash);
      }
    },
    async open(hash) {
      const file = await blobs.open(fileKey(hash));
      if (file === undefined) throw new FileNotFound(hash);
      return file;
    },
    withLocalFile: blobs.withLocalFile,
    newTemporaryPath: temporaryFolder.newPath,
    render: renditions.render,
    async removeUnused(hashes) {
      try {
        if (hashes) {
          const found = await Promise.all(hashes.map(async (hash) => ((await isThere(hash)) ? [hash] : [])));
          await recordOrphans(prisma, found.flat());
        }
        return await removeUnused(prisma, blobs, hashes);
      } catch (error) {
        log.warn({ err: error }, 'Unused files could not be removed now; the next sweep removes them.');
        return 0;
      }
    },
    async sweep() {
      if (Date.now() - searchedAt >= hourMs) {
        const beganAt = Date.now();
        await temporaryFolder.sweep(hourMs);
        await sweepStore(prisma, blobs);
        searchedAt = beganAt;
      }
      return await removeUnused(prisma, blobs);
    },
    assertSpace: () => assertSpace(free),
    async health() {
      try {
        await blobs.check();
        return true;
      } catch (error) {
        return error instanceof Error ? error.message : 'does not answer';
      }
    },
  };
}
