/**
 * Before all tests: provides an empty, migrated database, as an image that opens in memory and as a data folder to copy.
 * After them: searches for secrets in everything that servers have logged.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { openEmbeddedDatabase } from '../../src/database/embedded-database.ts';
import { saidFolder, secretsIn } from './said.ts';

const root = join(import.meta.dirname, '../..');

export default async function setup(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'likeness-test-'));
  const database = await migratedDatabase();
  project.provide('databaseImage', join(database, 'database.tar'));
  project.provide('dataFolder', join(database, 'data'));
  process.env[saidFolder] = folder;
  return () => {
    const leaked = secretsIn(folder);
    rmSync(folder, { recursive: true, force: true });
    if (leaked.length > 0) {
      throw new Error(`Servers have said ${leaked.length} secrets:\n${leaked.slice(0, 20).join('\n')}`);
    }
  };
}

/** The folder of a database of this version. Making one takes seconds, so it is kept until its sources change. */
async function migratedDatabase(): Promise<string> {
  const folder = join(root, 'node_modules/.cache/likeness-test', digestOfSources());
  if (existsSync(folder)) return folder;
  mkdirSync(dirname(folder), { recursive: true });
  const unfinished = mkdtempSync(`${folder}-`);
  const database = await openEmbeddedDatabase(join(unfinished, 'data'));
  const image = await database.pglite.dumpDataDir('none');
  writeFileSync(join(unfinished, 'database.tar'), Buffer.from(await image.arrayBuffer()));
  await database.close();
  try {
    renameSync(unfinished, folder);
  } catch (error) {
    // Another run finished the same database meanwhile.
    if (!existsSync(folder)) throw error;
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}

function digestOfSources(): string {
  const hash = createHash('sha256');
  for (const name of ['prisma/migrations', 'prisma/functions', 'src/database']) {
    const path = join(root, name);
    if (!existsSync(path)) continue;
    const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    for (const file of files.map(({ parentPath, name }) => join(parentPath, name)).sort()) {
      hash.update(file.slice(root.length)).update(readFileSync(file));
    }
  }
  hash.update(readFileSync(createRequire(import.meta.url).resolve('@electric-sql/pglite')));
  return hash.digest('hex').slice(0, 16);
}
