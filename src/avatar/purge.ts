/** Removes what deleteAvatar leaves until an avatar's last job has ended. */
import type { App } from '../app/app.ts';
import { failpoint } from '../runtime/failpoint.ts';

/** Keeps rows for requests that are still being answered, and for event streams that have yet to send a job's end. */
const graceMs = 10_000;

/**
 * Removes the rows of deleted avatars whose jobs have all ended, with those jobs, their events and pictures, and then the
 * files that nothing refers to. Skips an avatar that was deleted, or whose job ended, less than `graceMs` ago. The worker
 * runs it every minute; running it twice does no harm.
 */
export async function purgeDeletedAvatars({
  prisma,
  files,
  now,
}: Pick<App, 'prisma' | 'files' | 'now'>): Promise<void> {
  const before = new Date(now().getTime() - graceMs);
  const { count } = await prisma.avatar.deleteMany({
    where: {
      deletedAt: { lte: before },
      jobs: { none: { OR: [{ finishedAt: null }, { finishedAt: { gt: before } }] } },
    },
  });
  if (count > 0) await failpoint('purge.rows');
  await files.removeUnused();
}
