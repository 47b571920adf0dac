/** The embedded database on disk: committed data survives a kill or a power failure at any time. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import fs, { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openEmbeddedDatabase } from '../../src/database/embedded-database.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'likeness-embedded-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  syncBuiltinESMExports();
  rmSync(folder, { recursive: true });
});

const opener = join(import.meta.dirname, '../support/open-database.ts');

/** Opens the database in a separate process and kills it as soon as the condition holds. */
async function killWhen(isTime: () => boolean): Promise<void> {
  const child = spawn(process.execPath, ['--import', 'tsx', opener, folder], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  await vi.waitUntil(isTime, { interval: 1 });
  child.kill('SIGKILL');
  await exited;
}

describe('a first start that is killed', () => {
  const unfinished = () => join(folder, 'database.unfinished');
  const inside = (path: string) => join(folder, 'database', path);

  it.each([
    ['before its first file', () => existsSync(unfinished())],
    ['during its first files', () => existsSync(inside('PG_VERSION'))],
    ['while its tables are created', () => existsSync(inside('global/pg_control')) && !existsSync(unfinished())],
  ])(
    '%s leaves a folder that works',
    async (_when, isTime) => {
      await killWhen(isTime);
      const database = await openEmbeddedDatabase(folder);
      const { id } = await database.prisma.user.create({ data: { id: randomUUID() } });
      await database.close();
      const again = await openEmbeddedDatabase(folder);
      expect(await again.prisma.user.findMany()).toMatchObject([{ id }]);
      await again.close();
    },
    90_000,
  );
});

it('a commit is synced to disk before it is acknowledged, a read syncs nothing', async () => {
  const database = await openEmbeddedDatabase(folder);
  const fsync = vi.spyOn(fs, 'fsyncSync');
  syncBuiltinESMExports();
  for (let commits = 1; commits <= 10; commits += 1) {
    await database.prisma.user.create({ data: { id: randomUUID() } });
    expect(fsync.mock.calls.length).toBeGreaterThanOrEqual(commits);
  }
  fsync.mockClear();
  for (let reads = 1; reads <= 10; reads += 1) await database.prisma.user.count();
  expect(fsync).not.toHaveBeenCalled();
  await database.close();
});
