/** What is left of deleted avatars. */
import type { App } from '../app.ts';

/**
 * Removes the rows of deleted avatars whose jobs have all ended, with those jobs, their events and their pictures, and
 * then the files that nothing refers to any more. Runs after each deletion and now and then; running twice is harmless.
 * An avatar with a job that is still at fal is left for the next time.
 */
export async function purgeDeletedAvatars(app: Pick<App, 'prisma' | 'files'>): Promise<void> {
  await app.prisma.avatar.deleteMany({
    where: { deletedAt: { not: null }, jobs: { every: { finishedAt: { not: null } } } },
  });
  await app.files.removeUnused();
}
