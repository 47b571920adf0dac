/**
 * One process per data folder. PGlite takes no lock of its own: two processes on one folder silently lose rows.
 * The lock is a file with its holder's pid and start time, so that a holder that died, even by kill -9 with its pid
 * since reused, is recognised at once and its lock taken over.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const holderSchema = z.object({ pid: z.int().positive(), startedAt: z.string(), token: z.string() });
type Holder = z.infer<typeof holderSchema>;

/** Taking a lock is three file operations; whoever left its guard behind longer ago than this crashed in them. */
const takingMs = 5_000;

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
  const me: Holder = { pid: process.pid, startedAt: startOf(process.pid) ?? '', token: randomUUID() };
  // Only one at a time looks and writes: else one could read the lock that another has created and not yet written.
  guarded(folder, `${path}.taking`, () => {
    const holder = read(path);
    if (holder !== undefined && isAlive(holder)) throw new DataFolderInUse(folder, holder.pid);
    writeFileSync(path, JSON.stringify(me));
  });
  return () => {
    if (read(path)?.token === me.token) rmSync(path, { force: true });
  };
}

/** Throws DataFolderInUse when another process is at it now: the folder is about to be that one's, or another's already. */
function guarded(folder: string, guard: string, work: () => void): void {
  if (!create(guard)) {
    if (Date.now() - modifiedAt(guard) < takingMs) throw new DataFolderInUse(folder, undefined);
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

/** The holder, or nothing when there is no lock or it is unreadable (its writer died while writing it). */
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
    // EPERM: it lives, under another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  const started = startOf(holder.pid);
  return started === undefined || holder.startedAt === '' || started === holder.startedAt;
}

/** When a process started, as the kernel counts it; undefined where there is no /proc. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Field 22, counted behind the command name, which may hold spaces and parentheses.
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
