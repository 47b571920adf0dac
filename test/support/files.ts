/** A file store of a test's own: in a folder that goes with the test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Database } from '../../src/database/client.ts';
import { createFileStore, type FileStore } from '../../src/storage/files.ts';

export type TestFiles = { files: FileStore; folder: string; remove(): void };

export function openTestFiles(prisma: Database, free?: () => Promise<number>): TestFiles {
  const folder = mkdtempSync(join(tmpdir(), 'likeness-files-'));
  const files = createFileStore({ folder, prisma, log: pino({ enabled: false }), ...(free && { free }) });
  return { files, folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
