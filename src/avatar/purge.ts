/** What is left of deleted avatars. */
import type { App } from '../app.ts';

/** An ended job stays so long, for those who follow it to read how it ended: the log is where they read it. */
const lingerMs = 10_000;

/**
 * Removes the rows of deleted avatars whose jobs have all ended a moment ago, with those jobs, their events and their
 * pictures, and then the files that nothing refers to any more. Runs after each deletion and every minute; running twice
 * is harmless. An avatar with a job that is still at fal, or has just ended, is left for the next time.
 */
export async function purgeDeletedAvatars({
  prisma,
  files,
  now,
}: Pick<App, 'prisma' | 'files' | 'now'>): Promise<void> {
  const readAt = new Date(now().getTime() - lingerMs);
  await prisma.avatar.deleteMany({
    where: { deletedAt: { not: null }, jobs: { none: { OR: [{ finishedAt: null }, { finishedAt: { gt: readAt } }] } } },
  });
  await files.removeUnused();
}
