/** Only one server can use a data folder. Tested with real processes. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEmbeddedDatabase } from '../../src/database/embedded-database.ts';
import { DataFolderInUse, lockFolder } from '../../src/database/folder-lock.ts';

const script = (name: string) => join(import.meta.dirname, '../support', name);

let folder: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'likeness-lock-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) await kill(child);
  rmSync(folder, { recursive: true });
});

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

describe('a data folder', () => {
  it('is locked for a second process, and free as soon as the first is killed', async () => {
    const holder = spawn(process.execPath, ['--import', 'tsx', script('open-database.ts'), folder]);
    children.push(holder);
    await once(holder.stdout, 'data');

    await expect(openEmbeddedDatabase(folder)).rejects.toThrow(
      `The data folder ${folder} is in use by another Likeness server (process ${holder.pid}). ` +
        'Stop that server first, or set DATA_DIR to another folder.',
    );

    await kill(holder);
    const database = await openEmbeddedDatabase(folder);
    expect(await database.prisma.avatar.count()).toBe(0);
    await expect(openEmbeddedDatabase(folder)).rejects.toThrow(DataFolderInUse);
    await database.close();
    await (await openEmbeddedDatabase(folder)).close();
  });

  it('goes to exactly one of several processes that start at once, also when a dead process left its lock', async () => {
    const contenders = Array.from({ length: 4 }, () =>
      fork(script('contend.ts'), { execArgv: ['--import', 'tsx'], stdio: 'ignore' }),
    );
    children.push(...contenders);
    await Promise.all(contenders.map((contender) => once(contender, 'message')));
    for (let round = 0; round < 60; round += 1) {
      const contested = join(folder, String(round));
      mkdirSync(contested);
      if (round % 2 === 1) writeFileSync(lockOf(contested), lockBy(2 ** 22 + 1, '1'));
      const answers = contenders.map((contender) => once(contender, 'message'));
      for (const contender of contenders) contender.send({ folder: contested, at: Date.now() + 3 });
      const results = (await Promise.all(answers)).map(([answer]) => String(answer));
      expect(results.filter((answer) => answer === 'taken')).toHaveLength(1);
      expect(results.filter((answer) => answer.includes('is in use by another Likeness server'))).toHaveLength(3);
    }
  });
});

const lockOf = (of: string) => join(of, 'server.lock');
const lockBy = (pid: number, startedAt: string) => JSON.stringify({ pid, startedAt, token: 'of the dead' });

describe('a lock file', () => {
  it.each([
    ['of a dead process', lockBy(2 ** 22 + 1, '1')],
    ['of a process whose id another process has now', lockBy(process.pid, '1')],
    ['left empty by a crash', ''],
    ['with invalid content', '{"pid": -1}'],
  ])('%s is taken over', (_what, content) => {
    writeFileSync(lockOf(folder), content);
    const unlock = lockFolder(folder);
    expect(JSON.parse(readFileSync(lockOf(folder), 'utf8'))).toMatchObject({ pid: process.pid });
    expect(existsSync(`${lockOf(folder)}.taking`)).toBe(false);
    unlock();
    expect(existsSync(lockOf(folder))).toBe(false);
  });

  it('of another process is not removed when this process releases its own', () => {
    const unlock = lockFolder(folder);
    writeFileSync(lockOf(folder), lockBy(process.pid, '1'));
    unlock();
    expect(existsSync(lockOf(folder))).toBe(true);
  });

  it('is not taken over while another process is taking it over', () => {
    writeFileSync(lockOf(folder), lockBy(2 ** 22 + 1, '1'));
    writeFileSync(`${lockOf(folder)}.taking`, '');
    expect(() => lockFolder(folder)).toThrow(
      `The data folder ${folder} is in use by another Likeness server. Stop that server first`,
    );
    const longAgo = new Date(Date.now() - 6_000);
    utimesSync(`${lockOf(folder)}.taking`, longAgo, longAgo);
    lockFolder(folder)();
  });
});
