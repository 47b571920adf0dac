/**
 * Files by the SHA-256 of their content, and the rows that refer to them. A FileStore works on a BlobStore, which holds the
 * bytes: a folder or a bucket. open-storage.ts chooses which.
 */
import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Logger } from 'pino';
import type { Database, Tx } from '../database/client.ts';
import { type BlobStore, FileNotFound, fileKey, type OpenFile } from './blob-store.ts';
import { assertSpaceForWork } from './disk-space.ts';
import { hourMs, recordOrphans, removeUnused, sweepStore } from './garbage-collection.ts';
import type { Rendition } from './rendition.ts';
import { createRenditions } from './renditions.ts';
import type { TemporaryFolder, WrittenFile } from './temporary-folder.ts';

export interface FileStore {
  /**
   * Streams the bytes into the storage under their SHA-256, synced to disk. Writing the same bytes twice gives the same
   * file. Throws FileTooLarge when there are more than `maxBytes`. A file that is not recorded within an hour is removed.
   */
  write(bytes: Readable | Uint8Array, options: { maxBytes: number }): Promise<WrittenFile>;
  /** The same, but first calls `inspect` with the whole file on this machine. When `inspect` throws, nothing is stored. */
  writeInspected<Inspection>(
    bytes: Readable | Uint8Array,
    options: { maxBytes: number; inspect: (path: string) => Promise<Inspection> },
  ): Promise<{ file: WrittenFile; inspection: Inspection }>;
  /**
   * Records written files, in the transaction of the rows that refer to them. Throws FileNotFound when a file was removed
   * after it was written, because no row referred to it yet. The caller then writes it again and retries.
   */
  record(tx: Tx, files: (WrittenFile & { contentType: string })[]): Promise<void>;
  /** Opens a file. The caller reads or closes it. Throws FileNotFound. */
  open(hash: string): Promise<OpenFile>;
  /** Calls `work` with a local path to a file, which is valid until `work` ends. Throws FileNotFound. */
  withLocalFile<T>(hash: string, work: (path: string) => Promise<T>): Promise<T>;
  /** Returns a path for a temporary file. The caller removes it; the sweep removes what a crash leaves. */
  newTemporaryPath(): Promise<string>;
  /**
   * Opens a picture in another size or format, and draws it first when it does not exist yet. Concurrent calls draw it once.
   * Throws FileNotFound.
   */
  render(hash: string, rendition: Rendition): Promise<OpenFile>;
  /**
   * Removes files that no row refers to: among these hashes, or among all. Call it after the commit that dropped the last
   * reference, or for files that were written and are not needed. Never throws; the next sweep removes what it could not.
   */
  removeUnused(hashes?: string[]): Promise<number>;
  /**
   * Removes every file that no row refers to, and what crashes left: unrecorded and temporary files when they are an hour
   * old; renditions when they are a week old, or at once when their picture was removed. It lists the whole storage for
   * those at most once an hour, however often it is called.
   */
  sweep(): Promise<number>;
  /** Refuses new work while the disk is almost full. Throws LimitReachedError. */
  assertSpace(): Promise<void>;
  /** True when the storage can be used now, otherwise the reason why not. */
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
  /** Free bytes on this machine's disk. */
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
      // In a fixed order, so that two transactions that record the same files cannot deadlock.
      for (const file of files.toSorted((a, b) => (a.hash < b.hash ? -1 : 1))) {
        // Waits for a concurrent removal of the same row, and then finds the file missing.
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
        log.warn({ err: error }, 'unused files could not be removed; the next sweep removes them');
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
    assertSpace: () => assertSpaceForWork(free),
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
