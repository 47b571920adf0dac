/** Removing files that nothing refers to. */
import type { Prisma } from '../../prisma/generated/client/client.ts';
import type { Database } from '../database/client.ts';
import type { BlobStore, StoredBlob } from './blob-store.ts';
import { isOlderThan } from './temporary-folder.ts';

export const hourMs = 60 * 60 * 1000;
const weekMs = 7 * 24 * hourMs;
/** Removed from a bucket all at once, within the time that a transaction may take. */
const batchSize = 40;

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
    // A row that another transaction holds is about to be used: it is left alone.
    const locked = await tx.$queryRaw<{ hash: string }[]>`
      SELECT "hash" FROM "StoredFile" WHERE "hash" = ANY(${candidates.map((file) => file.hash)}::char(64)[])
      FOR UPDATE SKIP LOCKED`;
    // Asked again under the lock: one of them may have come into use between the two statements.
    const gone = (await find({ hash: { in: locked.map((file) => file.hash) } })).map((file) => file.hash);
    await tx.storedFile.deleteMany({ where: { hash: { in: gone } } });
    // All have ended before the lock is let go of, also when one fails: none may remove what is written again after it.
    const removals = await Promise.allSettled(gone.map((hash) => blobs.removeFile(hash)));
    const failed = removals.find((removal) => removal.status === 'rejected');
    if (failed) throw failed.reason;
    return gone.length;
  });
}

/**
 * Gives files that no row knows a row that nobody uses: removing them is then the same as removing any other. Whoever
 * just wrote one of them, to record it in a moment, then writes it again.
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
 * Finds what crashes left, and removes it or gives it to `removeUnused`. Looks at every file that there is. What another
 * process has just written is younger than an hour, and left alone.
 */
export async function sweepStore(prisma: Database, blobs: BlobStore): Promise<void> {
  for await (const kept of blobs.list()) {
    const files = kept.filter(({ isRendition, writtenAt }) => !isRendition && isOlderThan(hourMs, writtenAt));
    await recordOrphans(prisma, hashesOf(files));
    const renditions = kept.filter(({ isRendition }) => isRendition);
    const known = await knownOf(prisma, hashesOf(renditions));
    const stale = renditions.filter(({ hash, writtenAt }) => !known.has(hash) || isOlderThan(weekMs, writtenAt));
    await blobs.remove(stale.map(({ key }) => key));
  }
}

const hashesOf = (kept: StoredBlob[]) => [...new Set(kept.map(({ hash }) => hash))];

async function knownOf(prisma: Database, hashes: string[]): Promise<Set<string>> {
  if (hashes.length === 0) return new Set();
  const known = await prisma.storedFile.findMany({ where: { hash: { in: hashes } }, select: { hash: true } });
  return new Set(known.map(({ hash }) => hash));
}
