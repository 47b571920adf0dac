/**
 * Once before all tests: an empty, migrated database, as an image that opens in memory and as a data folder to copy, so
 * that only one test pays for making a new one. Once after them: what servers have said is searched for secrets.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { openEmbeddedDatabase } from '../../src/database/client.ts';
import { saidFolder, secretsIn } from './said.ts';

export default async function setup(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'likeness-test-'));
  const dataFolder = join(folder, 'data');
  const database = await openEmbeddedDatabase(dataFolder);
  const image = join(folder, 'database.tar');
  writeFileSync(image, Buffer.from(await (await database.pglite.dumpDataDir('none')).arrayBuffer()));
  await database.close();
  project.provide('databaseImage', image);
  project.provide('dataFolder', dataFolder);
  const said = join(folder, 'said');
  mkdirSync(said);
  process.env[saidFolder] = said;
  return () => {
    const leaked = secretsIn(said);
    rmSync(folder, { recursive: true, force: true });
    if (leaked.length > 0) {
      throw new Error(`Servers have said ${leaked.length} secrets:\n${leaked.slice(0, 20).join('\n')}`);
    }
  };
}
