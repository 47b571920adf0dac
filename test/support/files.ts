/** A file store of a test's own: in a folder that goes with the test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Database } from '../../src/database/client.ts';
import { fileKey } from '../../src/storage/blob-store.ts';
import { freeBytes } from '../../src/storage/disk-space.ts';
import { createFileStore, type FileStore } from '../../src/storage/file-store.ts';
import { createFolderStore } from '../../src/storage/folder-store.ts';
import { createTemporaryFolder } from '../../src/storage/temporary-folder.ts';

export type TestFiles = {
  files: FileStore;
  folder: string;
  /** Where a file lies. */
  path(hash: string): string;
  remove(): void;
};

export function openTestFiles(prisma: Database, free?: () => Promise<number>): TestFiles {
  const folder = mkdtempSync(join(tmpdir(), 'likeness-files-'));
  const bytes = free ?? (() => freeBytes(folder));
  const temporaryFolder = createTemporaryFolder(join(folder, 'temporary'), bytes);
  const log = pino({ enabled: false });
  const files = createFileStore({ blobs: createFolderStore(folder), temporaryFolder, prisma, log, free: bytes });
  return {
    files,
    folder,
    path: (hash) => join(folder, fileKey(hash)),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
