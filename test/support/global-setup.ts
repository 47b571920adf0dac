/** Once before all tests: an empty, migrated database as an image, from which every test file opens its own in memory. */
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import type { TestProject } from 'vitest/node';
import { connect } from '../../src/database/client.ts';

export default async function setup(project: TestProject): Promise<void> {
  const folder = join(tmpdir(), `likeness-test-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  const image = join(folder, 'database.tar');
  if (!existsSync(image)) {
    const pglite = new PGlite();
    const database = await connect(pglite, async () => undefined);
    const dump = await pglite.dumpDataDir('none');
    writeFileSync(`${image}.new`, Buffer.from(await dump.arrayBuffer()));
    renameSync(`${image}.new`, image);
    await database.close();
    await pglite.close();
  }
  project.provide('databaseImage', image);
}
