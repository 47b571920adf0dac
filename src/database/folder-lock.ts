/**
 * Allows one process per data folder. PGlite has no lock of its own: two processes on one folder silently lose rows.
 * The lock is a file with its holder's pid and start time. The next process can thus detect a dead holder and take over its
 * lock, even after kill -9 and when the pid has been reused.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const holderSchema = z.object({ pid: z.int().positive(), startedAt: z.string(), token: z.string() });
type Holder = z.infer<typeof holderSchema>;

/** Taking the lock takes milliseconds. An older guard file was left by a process that crashed while it took the lock. */
const guardMaxAgeMs = 5_000;

export class DataFolderInUse extends Error {
  constructor(folder: string, pid: number | undefined) {
    super(
      `The data folder ${folder} is in use by another Likeness server${pid === undefined ? '' : ` (process ${pid})`}. ` +
        'Stop that server first, or set DATA_DIR to another folder.',
    );
  }
}

/** Takes the folder's lock and returns a function that releases it. Throws DataFolderInUse. */
export function lockFolder(folder: string): () => void {
  const path = join(folder, 'server.lock');
  const own: Holder = { pid: process.pid, startedAt: startOf(process.pid) ?? '', token: randomUUID() };
  // Guarded, because a process could otherwise read a lock file that another has created but not yet written.
  guarded(folder, `${path}.taking`, () => {
    const holder = read(path);
    if (holder !== undefined && isAlive(holder)) throw new DataFolderInUse(folder, holder.pid);
    writeFileSync(path, JSON.stringify(own));
  });
  return () => {
    if (read(path)?.token === own.token) rmSync(path, { force: true });
  };
}

/** Runs `work` in at most one process at a time. Throws DataFolderInUse when another process is taking the lock now. */
function guarded(folder: string, guard: string, work: () => void): void {
  if (!create(guard)) {
    if (Date.now() - modifiedAt(guard) < guardMaxAgeMs) throw new DataFolderInUse(folder, undefined);
    rmSync(guard, { force: true });
    if (!create(guard)) throw new DataFolderInUse(folder, undefined);
  }
  try {
    work();
  } finally {
    rmSync(guard, { force: true });
  }
}

function create(path: string): boolean {
  try {
    writeFileSync(path, '', { flag: 'wx' });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** The holder. Undefined when there is no lock, or it is unreadable because its writer died while writing. */
function read(path: string): Holder | undefined {
  try {
    return holderSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}

function isAlive(holder: Holder): boolean {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    // EPERM: the process is alive and belongs to another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  const started = startOf(holder.pid);
  return started === undefined || holder.startedAt === '' || started === holder.startedAt;
}

/** A process's start time in the kernel's clock ticks. Undefined where there is no /proc. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Field 22. Counted from the end of the command name, which may contain spaces and parentheses.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function modifiedAt(path: string): number {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}
