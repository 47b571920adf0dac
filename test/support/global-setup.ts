/**
 * Once before all tests: an empty, migrated database, as an image that opens in memory and as a data folder to copy, so
 * that only one test pays for making a new one.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { openDatabase } from '../../src/database/client.ts';

export default async function setup(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'likeness-test-'));
  const dataFolder = join(folder, 'data');
  const database = await openDatabase(dataFolder);
  const image = join(folder, 'database.tar');
  writeFileSync(image, Buffer.from(await (await database.pglite.dumpDataDir('none')).arrayBuffer()));
  await database.close();
  project.provide('databaseImage', image);
  project.provide('dataFolder', dataFolder);
  return () => rmSync(folder, { recursive: true, force: true });
}
