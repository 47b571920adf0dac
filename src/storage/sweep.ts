/** Removing files that nothing refers to. */
import { existsSync } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Prisma } from '../../prisma/generated/client/client.ts';
import type { Database } from '../database/client.ts';
import { type Disk, namesIn } from './disk.ts';

export const hourMs = 60 * 60 * 1000;
const weekMs = 7 * 24 * hourMs;
const batchSize = 100;

const unused = {
  photos: { none: {} },
  images: { none: {} },
  loraOf: { none: {} },
  configOf: { none: {} },
} satisfies Prisma.StoredFileWhereInput;

/**
 * Removes unused files, of these or of all. A file goes inside the transaction that removes its row: the row's lock is
 * held while it does, so that whoever records the same content meanwhile waits, then finds the file gone, and writes it
 * again. A crash in between leaves a row that nobody uses without its file; the next run removes it.
 */
export async function removeUnused(prisma: Database, disk: Disk, hashes?: string[]): Promise<number> {
  let removed = 0;
  for (let batch = batchSize; batch === batchSize; removed += batch) batch = await removeBatch(prisma, disk, hashes);
  return removed;
}

async function removeBatch(prisma: Database, disk: Disk, hashes: string[] | undefined): Promise<number> {
  return prisma.$transaction(async (tx) => {
    const find = (where: Prisma.StoredFileWhereInput) =>
      tx.storedFile.findMany({ where: { ...unused, ...where }, select: { hash: true }, take: batchSize });
    const candidates = await find(hashes ? { hash: { in: hashes } } : {});
    if (candidates.length === 0) return 0;
    // A row that another transaction holds is about to be used: it is left alone.
    const locked = await tx.$queryRaw<{ hash: string }[]>`
      SELECT "hash" FROM "StoredFile" WHERE "hash" = ANY(${candidates.map((file) => file.hash)}::char(64)[])
      FOR UPDATE SKIP LOCKED`;
    // Asked again under the lock: one of them may have come into use between the two statements.
    const gone = (await find({ hash: { in: locked.map((file) => file.hash) } })).map((file) => file.hash);
    await tx.storedFile.deleteMany({ where: { hash: { in: gone } } });
    for (const hash of gone) await disk.remove(hash);
    return gone.length;
  });
}

/**
 * Gives files that no row knows a row that nobody uses: removing them is then the same as removing any other. Whoever
 * just wrote one of them, to record it in a moment, then writes it again.
 */
export async function adopt(prisma: Database, disk: Disk, hashes: string[]): Promise<void> {
  const found = hashes.filter((hash) => existsSync(disk.path(hash)));
  if (found.length === 0) return;
  const known = await prisma.storedFile.findMany({ where: { hash: { in: found } }, select: { hash: true } });
  const orphans = new Set(found);
  for (const { hash } of known) orphans.delete(hash);
  if (orphans.size === 0) return;
  await prisma.storedFile.createMany({
    data: Array.from(orphans, (hash) => ({ hash, byteSize: 0, contentType: 'application/octet-stream' })),
    skipDuplicates: true,
  });
}

/** Finds what crashes left, and removes it or gives it to `removeUnused`. Looks at every file on the disk. */
export async function searchDisk(prisma: Database, disk: Disk): Promise<void> {
  for await (const paths of disk.paths()) {
    const old = await olderThan(hourMs, paths);
    await adopt(
      prisma,
      disk,
      old.map((path) => basename(path)),
    );
  }
  const temporary = (await namesIn(disk.temporary, /./)).map((name) => join(disk.temporary, name));
  for (const path of await olderThan(hourMs, temporary)) await rm(path, { recursive: true, force: true });
  await sweepRenditions(disk);
}

async function sweepRenditions(disk: Disk): Promise<void> {
  for (const hash of await namesIn(disk.renditions(''), /^[0-9a-f]{64}$/)) {
    const folder = disk.renditions(hash);
    const paths = (await namesIn(folder, /./)).map((name) => join(folder, name));
    for (const path of existsSync(disk.path(hash)) ? await olderThan(weekMs, paths) : [folder]) {
      await rm(path, { recursive: true, force: true });
    }
  }
}

/** Those that were last written so long ago. One that is gone by now is left out. */
async function olderThan(ageMs: number, paths: string[]): Promise<string[]> {
  const before = Date.now() - ageMs;
  const old: string[] = [];
  for (const path of paths) {
    const stats = await stat(path).catch(() => undefined);
    if (stats !== undefined && stats.mtimeMs <= before) old.push(path);
  }
  return old;
}
