/** Files by the hash of their content. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Logger } from 'pino';
import type { Database, Tx } from '../database/client.ts';
import { createDisk } from './disk.ts';
import type { Rendition } from './rendition.ts';
import { createRenditions } from './renditions.ts';
import { assertSpace, freeBytes } from './space.ts';
import { adopt, hourMs, removeUnused, searchDisk } from './sweep.ts';

export interface FileStore {
  /**
   * Streams the bytes to disk, synced, under their SHA-256. Running twice gives the same file. Throws FileTooLarge when
   * they pass maxBytes. What is not recorded within the hour is swept.
   */
  write(bytes: Readable | Uint8Array, options: { maxBytes: number }): Promise<WrittenFile>;
  /**
   * Records written files, in the transaction of the rows that refer to them. Throws FileGone when a file was removed
   * since it was written: nothing referred to it yet. The caller then writes it again and begins anew.
   */
  record(tx: Tx, files: (WrittenFile & { contentType: string })[]): Promise<void>;
  /** Where the bytes lie. */
  path(hash: string): string;
  /** A path for a temporary file of the caller's, who removes it; what a crash leaves there is swept. */
  temporary(): Promise<string>;
  /**
   * Where a picture lies, resized and converted; made when it is not there yet. Two calls at once make it once. Throws
   * FileGone.
   */
  render(hash: string, rendition: Rendition): Promise<string>;
  /**
   * Removes what nothing refers to, of these files or of all: run it after the commit that dropped the last reference,
   * or with files that were written and are not wanted after all. Never throws; what it could not remove, a sweep does.
   */
  removeUnused(hashes?: string[]): Promise<number>;
  /**
   * Removes every file that nothing refers to, and what crashes left behind: files that no row knows and temporary files,
   * once they are an hour old; renditions once they are a week old, or at once when their picture is gone. For those it
   * looks through the whole disk, at most once an hour however often it is called.
   */
  sweep(): Promise<number>;
  /** Refuses new work while the disk is almost full. Throws LimitReached. */
  assertSpace(): Promise<void>;
}

export type WrittenFile = { hash: string; byteSize: number };

/** The file of a hash is not on disk. */
export class FileGone extends Error {
  constructor(hash: string) {
    super(`The file ${hash} is not on disk.`);
  }
}

export function createFileStore({
  folder,
  prisma,
  log,
  free = () => freeBytes(folder),
}: {
  /** Holds nothing else. Made when it is not there. */
  folder: string;
  prisma: Database;
  log: Logger;
  /** Bytes that are free on its disk. */
  free?: () => Promise<number>;
}): FileStore {
  const disk = createDisk(folder, free);
  const renditions = createRenditions(disk);
  let searchedAt = 0;
  return {
    write: disk.write,
    path: disk.path,
    async record(tx, files) {
      // In one order, so that two transactions that record the same files never wait for each other in a circle.
      for (const file of files.toSorted((a, b) => (a.hash < b.hash ? -1 : 1))) {
        // Waits for a removal of the same row that is under way, and then finds the file missing.
        await tx.$executeRaw`
          INSERT INTO "StoredFile" ("hash", "byteSize", "contentType")
          VALUES (${file.hash}, ${file.byteSize}, ${file.contentType})
          ON CONFLICT ("hash") DO UPDATE SET "putAt" = CURRENT_TIMESTAMP, "contentType" = EXCLUDED."contentType"`;
        if (!existsSync(disk.path(file.hash))) throw new FileGone(file.hash);
      }
    },
    temporary: disk.newPath,
    async render(hash, rendition) {
      try {
        return await renditions.render(hash, rendition);
      } catch (error) {
        throw existsSync(disk.path(hash)) ? error : new FileGone(hash);
      } finally {
        // Removed while it was drawn: the copy must not outlive it.
        if (!existsSync(disk.path(hash))) await rm(disk.renditions(hash), { recursive: true, force: true });
      }
    },
    async removeUnused(hashes) {
      try {
        if (hashes) await adopt(prisma, disk, hashes);
        return await removeUnused(prisma, disk, hashes);
      } catch (error) {
        log.warn({ err: error }, 'Unused files could not be removed now; the next sweep removes them.');
        return 0;
      }
    },
    async sweep() {
      if (Date.now() - searchedAt >= hourMs) {
        searchedAt = Date.now();
        await searchDisk(prisma, disk);
      }
      return await removeUnused(prisma, disk);
    },
    assertSpace: () => assertSpace(free),
  };
}
