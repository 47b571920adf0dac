/** Removes files that no row refers to, and the leftovers of crashes. */
import type { Prisma } from '../../prisma/generated/client/client.ts';
import type { Database } from '../database/client.ts';
import type { BlobStore, StoredBlob } from './blob-store.ts';
import { isOlderThan } from './temporary-folder.ts';

export const hourMs = 60 * 60 * 1000;
const weekMs = 7 * 24 * hourMs;
/** Files per transaction: a bucket can remove this many within the time limit of a transaction. */
const batchSize = 40;

const unused = {
  photos: { none: {} },
  images: { none: {} },
  loraOf: { none: {} },
  configOf: { none: {} },
} satisfies Prisma.StoredFileWhereInput;

/**
 * Removes unused files: among these hashes, or among all. A file is removed inside the transaction that deletes its row.
 * The row's lock makes a transaction that records the same content wait; it then finds the file missing and writes it
 * again. A crash in between leaves an unused row without its file; the next run deletes the row.
 */
export async function removeUnused(prisma: Database, blobs: BlobStore, hashes?: string[]): Promise<number> {
  let removed = 0;
  for (let batch = batchSize; batch === batchSize; removed += batch) batch = await removeBatch(prisma, blobs, hashes);
  return removed;
}

async function removeBatch(prisma: Database, blobs: BlobStore, hashes: string[] | undefined): Promise<number> {
  return prisma.$transaction(async (tx) => {
    const find = (where: Prisma.StoredFileWhereInput) =>
      tx.storedFile.findMany({ where: { ...unused, ...where }, select: { hash: true }, take: batchSize });
    const candidates = await find(hashes ? { hash: { in: hashes } } : {});
    if (candidates.length === 0) return 0;
    // A row that another transaction has locked is about to be used, so it stays.
    const locked = await tx.$queryRaw<{ hash: string }[]>`
      SELECT "hash" FROM "StoredFile" WHERE "hash" = ANY(${candidates.map((file) => file.hash)}::char(64)[])
      FOR UPDATE SKIP LOCKED`;
    // Read again under the lock: a row may have gained a reference between the two statements.
    const unusedHashes = (await find({ hash: { in: locked.map((file) => file.hash) } })).map((file) => file.hash);
    await tx.storedFile.deleteMany({ where: { hash: { in: unusedHashes } } });
    // Wait for all removals, even if one fails, before the lock is released: a late one could remove a file that was written again.
    const removals = await Promise.allSettled(unusedHashes.map((hash) => blobs.removeFile(hash)));
    const failed = removals.find((removal) => removal.status === 'rejected');
    if (failed) throw failed.reason;
    return unusedHashes.length;
  });
}

/**
 * Adds an unused row for each file that has none, so that `removeUnused` removes the file like any other. If a caller has just
 * written such a file and not recorded it yet, it finds the file missing and writes it again.
 */
export async function recordOrphans(prisma: Database, found: string[]): Promise<void> {
  const known = await knownOf(prisma, found);
  const orphans = found.filter((hash) => !known.has(hash));
  if (orphans.length === 0) return;
  await prisma.storedFile.createMany({
    data: orphans.map((hash) => ({ hash, byteSize: 0, contentType: 'application/octet-stream' })),
    skipDuplicates: true,
  });
}

/**
 * Lists the whole storage, removes stale renditions, and gives unrecorded files to `removeUnused`. Files younger than an
 * hour stay: another process may be about to record them.
 */
export async function sweepStore(prisma: Database, blobs: BlobStore): Promise<void> {
  for await (const found of blobs.list()) {
    const files = found.filter(({ isRendition, writtenAt }) => !isRendition && isOlderThan(hourMs, writtenAt));
    await recordOrphans(prisma, hashesOf(files));
    const renditions = found.filter(({ isRendition }) => isRendition);
    const known = await knownOf(prisma, hashesOf(renditions));
    const stale = renditions.filter(({ hash, writtenAt }) => !known.has(hash) || isOlderThan(weekMs, writtenAt));
    await blobs.remove(stale.map(({ key }) => key));
  }
}

const hashesOf = (found: StoredBlob[]) => [...new Set(found.map(({ hash }) => hash))];

async function knownOf(prisma: Database, hashes: string[]): Promise<Set<string>> {
  if (hashes.length === 0) return new Set();
  const known = await prisma.storedFile.findMany({ where: { hash: { in: hashes } }, select: { hash: true } });
  return new Set(known.map(({ hash }) => hash));
}
