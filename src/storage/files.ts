/** Files by the hash of their content. */
import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Logger } from 'pino';
import type { Database, Tx } from '../database/client.ts';
import { FileGone, fileKey, type OpenFile, type Place } from './blob-store.ts';
import { assertSpace } from './disk-space.ts';
import type { Rendition } from './rendition.ts';
import { createRenditions } from './renditions.ts';
import type { Scratch, WrittenFile } from './scratch.ts';
import { adopt, hourMs, removeUnused, searchPlace } from './sweep.ts';

export interface FileStore {
  /**
   * Streams the bytes into the place of the files, synced, under their SHA-256. Running twice gives the same file. Throws
   * FileTooLarge when they pass maxBytes. What is not recorded within the hour is swept.
   */
  write(bytes: Readable | Uint8Array, options: { maxBytes: number }): Promise<WrittenFile>;
  /** The same, after a look at the whole file on this machine. When `look` throws, nothing is kept. */
  writeSeen<Seen>(
    bytes: Readable | Uint8Array,
    options: { maxBytes: number; look: (path: string) => Promise<Seen> },
  ): Promise<{ file: WrittenFile; seen: Seen }>;
  /**
   * Records written files, in the transaction of the rows that refer to them. Throws FileGone when a file was removed
   * since it was written: nothing referred to it yet. The caller then writes it again and begins anew.
   */
  record(tx: Tx, files: (WrittenFile & { contentType: string })[]): Promise<void>;
  /** The bytes, to be read or closed. Throws FileGone. */
  open(hash: string): Promise<OpenFile>;
  /** Runs with a path of this machine to read a file at, for as long as it runs. Throws FileGone. */
  use<T>(hash: string, work: (path: string) => Promise<T>): Promise<T>;
  /** A path for a temporary file of the caller's, who removes it; what a crash leaves there is swept. */
  temporary(): Promise<string>;
  /**
   * A picture, resized and converted; made when it is not there yet. Two calls at once make it once. Throws FileGone.
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
   * looks through the whole place, at most once an hour however often it is called.
   */
  sweep(): Promise<number>;
  /** Refuses new work while the disk is almost full. Throws LimitReachedError. */
  assertSpace(): Promise<void>;
  /** Whether the place of the files can be worked with now, else what is wrong with it. */
  health(): Promise<true | string>;
}

export function createFileStore({
  place,
  scratch,
  prisma,
  log,
  free,
}: {
  place: Place;
  scratch: Scratch;
  prisma: Database;
  log: Logger;
  /** Bytes that are free on this machine's disk. */
  free: () => Promise<number>;
}): FileStore {
  const renditions = createRenditions(place, scratch);
  const isThere = async (hash: string) => (await place.byteSize(fileKey(hash))) !== undefined;
  let searchedAt = 0;
  const writeSeen: FileStore['writeSeen'] = async (bytes, { maxBytes, look }) => {
    const { path, ...file } = await scratch.write(bytes, { maxBytes });
    try {
      const seen = await look(path);
      await place.put(path, fileKey(file.hash));
      return { file, seen };
    } finally {
      await rm(path, { force: true });
    }
  };
  return {
    write: async (bytes, { maxBytes }) => (await writeSeen(bytes, { maxBytes, look: () => Promise.resolve() })).file,
    writeSeen,
    async record(tx, files) {
      // In one order, so that two transactions that record the same files never wait for each other in a circle.
      for (const file of files.toSorted((a, b) => (a.hash < b.hash ? -1 : 1))) {
        // Waits for a removal of the same row that is under way, and then finds the file missing.
        await tx.$executeRaw`
          INSERT INTO "StoredFile" ("hash", "byteSize", "contentType")
          VALUES (${file.hash}, ${file.byteSize}, ${file.contentType})
          ON CONFLICT ("hash") DO UPDATE SET "putAt" = CURRENT_TIMESTAMP, "contentType" = EXCLUDED."contentType"`;
        if ((await place.byteSize(fileKey(file.hash))) !== file.byteSize) throw new FileGone(file.hash);
      }
    },
    async open(hash) {
      const file = await place.open(fileKey(hash));
      if (file === undefined) throw new FileGone(hash);
      return file;
    },
    use: place.use,
    temporary: scratch.newPath,
    render: renditions.render,
    async removeUnused(hashes) {
      try {
        if (hashes) {
          const found = await Promise.all(hashes.map(async (hash) => ((await isThere(hash)) ? [hash] : [])));
          await adopt(prisma, found.flat());
        }
        return await removeUnused(prisma, place, hashes);
      } catch (error) {
        log.warn({ err: error }, 'Unused files could not be removed now; the next sweep removes them.');
        return 0;
      }
    },
    async sweep() {
      if (Date.now() - searchedAt >= hourMs) {
        const beganAt = Date.now();
        await scratch.sweep(hourMs);
        await searchPlace(prisma, place);
        searchedAt = beganAt;
      }
      return await removeUnused(prisma, place);
    },
    assertSpace: () => assertSpace(free),
    async health() {
      try {
        await place.check();
        return true;
      } catch (error) {
        return error instanceof Error ? error.message : 'does not answer';
      }
    },
  };
}
