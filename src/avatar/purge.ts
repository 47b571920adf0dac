/** What is left of deleted avatars. */
import type { App } from '../app/app.ts';
import { failpoint } from '../runtime/failpoint.ts';

/** For those who are still reading: an answer that is being put together, and the log, which tells how a job ended. */
const lingerMs = 10_000;

/**
 * Removes the rows of avatars that were deleted a moment ago and whose jobs have all ended a moment ago, with those jobs,
 * their events and their pictures, and then the files that nothing refers to any more. Runs every minute; running twice
 * is harmless. What is too fresh, or still at fal, is left for the next time.
 */
export async function purgeDeletedAvatars({
  prisma,
  files,
  now,
}: Pick<App, 'prisma' | 'files' | 'now'>): Promise<void> {
  const readAt = new Date(now().getTime() - lingerMs);
  const { count } = await prisma.avatar.deleteMany({
    where: {
      deletedAt: { lte: readAt },
      jobs: { none: { OR: [{ finishedAt: null }, { finishedAt: { gt: readAt } }] } },
    },
  });
  if (count > 0) await failpoint('purge.rows');
  await files.removeUnused();
}
