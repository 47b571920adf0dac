/** Limits how full the disk may get. A database that cannot write its log hangs the whole process, so files stop well before. */
import { mkdir, statfs } from 'node:fs/promises';
import { LimitReachedError } from '../refusal/refusal.ts';

const megabyte = 1024 * 1024;

/** With less free space the server accepts no new jobs or photos, but finishes the jobs that it has. */
export const minFreeForWork = 512 * megabyte;

/** With less free space the server writes no file at all: the rest is for the database. */
export const minFreeForFiles = 128 * megabyte;

/** Free bytes that this process may write to the folder's disk. */
export async function freeBytes(folder: string): Promise<number> {
  await mkdir(folder, { recursive: true });
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Throws LimitReachedError when the server must accept no new work. */
export async function assertSpaceForWork(free: () => Promise<number>): Promise<void> {
  if ((await free()) >= minFreeForWork) return;
  throw new LimitReachedError(
    'The disk of this server is almost full: less than 512 MB is free. Free some space and try again.',
    minFreeForWork,
    60,
  );
}

/** The disk has no room for a file. The writer may try again later. */
export class DiskFull extends Error {
  constructor() {
    super('The disk is full: less than 128 MB is free.');
  }
}

export async function assertSpaceForFile(free: () => Promise<number>): Promise<void> {
  if ((await free()) < minFreeForFiles) throw new DiskFull();
}
