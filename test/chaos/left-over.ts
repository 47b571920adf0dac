/** What a server process holds of the system, as Linux tells it: nothing of a run may stay when its clients have gone. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

export type Held = { sockets: number; files: string[]; residentBytes: number };

/** Longer than any connection is kept that nobody uses. */
const settleMs = 90_000;
/** Caches of the database and of the picture library, filled by a run, and the heap's slack. */
const mostGrowth = 600_000_000;

/** All of them together; nothing where there is no /proc. */
export function heldBy(pids: number[]): Held {
  const held: Held = { sockets: 0, files: [], residentBytes: 0 };
  for (const pid of pids) if (existsSync(`/proc/${pid}/fd`)) add(held, pid);
  return held;
}

function add(held: Held, pid: number): void {
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
      if (target.startsWith('socket:')) held.sockets += 1;
      // The database's own files are open as long as it is.
      else if (/\/(files|uploads)\//.test(target)) held.files.push(target);
    } catch {
      // Closed in between.
    }
  }
  const [, kilobytes = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  held.residentBytes += Number(kilobytes) * 1024;
}

export async function leftOver(held: () => Held, atStart: Held): Promise<{ wrong: string[]; atEnd: Held }> {
  const until = Date.now() + settleMs;
  let atEnd = held();
  while ((atEnd.sockets > atStart.sockets || atEnd.files.length > 0) && Date.now() < until) {
    await pause(200);
    atEnd = held();
  }
  const wrong: string[] = [];
  if (atEnd.sockets > atStart.sockets) wrong.push(`${atEnd.sockets - atStart.sockets} sockets are left over`);
  for (const file of atEnd.files) wrong.push(`${file} is still open`);
  const growth = atEnd.residentBytes - atStart.residentBytes;
  if (growth > mostGrowth) wrong.push(`it holds ${Math.round(growth / 1e6)} MB more than when it was fresh`);
  return { wrong, atEnd };
}
