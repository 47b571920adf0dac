/** How full the disk may get. A database that cannot write its log hangs the whole process, so files stop well before. */
import { mkdir, statfs } from 'node:fs/promises';
import { LimitReachedError } from '../refusal/refusal.ts';

const megabyte = 1024 * 1024;

/** Below it no new work is taken; what was already promised can still be finished. */
export const minFreeForWork = 512 * megabyte;

/** Below it no file is written at all: the rest belongs to the database. */
export const minFreeForFiles = 128 * megabyte;

/** Bytes that this process may still write to the folder's disk. */
export async function freeBytes(folder: string): Promise<number> {
  await mkdir(folder, { recursive: true });
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Throws LimitReachedError. */
export async function assertSpace(free: () => Promise<number>): Promise<void> {
  if ((await free()) >= minFreeForWork) return;
  throw new LimitReachedError(
    'The disk of this server is almost full: less than 512 MB is free. Free some space and try again.',
    minFreeForWork,
    60,
  );
}

/** The disk has no room for a file. Whoever was writing may try again later. */
export class DiskFull extends Error {
  constructor() {
    super('The disk is full: less than 128 MB is free.');
  }
}

export async function assertSpaceForFile(free: () => Promise<number>): Promise<void> {
  if ((await free()) < minFreeForFiles) throw new DiskFull();
}
