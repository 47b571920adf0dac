/** Deleting an avatar: gone for every reader at once, from the disk when fal has let go of it. */

import type { Job } from '../../prisma/generated/client/client.ts';
import { lockOwner } from '../access/ownership.ts';
import type { App, Viewer } from '../app/app.ts';
import type { Tx } from '../database/client.ts';
import { announceCancel, cancelInTransaction, JobFinishedError } from '../job/commands/cancel-job.ts';
import { NotFoundError } from '../refusal/refusal.ts';
import { ensureDefault } from './default.ts';
import { type AvatarKey, ownAvatar } from './key.ts';

/**
 * Hides the avatar, cancels its unfinished jobs, removes its photos and pictures, and makes the owner's oldest other
 * avatar the default when it was that, all in one transaction. The files of the photos and pictures go at once; its row,
 * its jobs and its model within about a minute of its last job's end. Throws NotFoundError, also the second time.
 */
export async function deleteAvatar(app: App, viewer: Viewer, key: AvatarKey): Promise<void> {
  const cancelled = await app.prisma.$transaction(async (tx) => {
    await lockOwner(tx, viewer.id);
    const avatar = await tx.avatar.findUnique({ where: ownAvatar(viewer, key) });
    if (avatar === null) throw new NotFoundError('avatar');
    const cancelled = await cancelJobs(app, tx, avatar.id);
    await tx.avatar.update({ where: { id: avatar.id }, data: { deletedAt: app.now(), isDefault: false } });
    await tx.photo.deleteMany({ where: { avatarId: avatar.id } });
    await tx.generatedImage.deleteMany({ where: { generation: { avatarId: avatar.id } } });
    await ensureDefault(tx, viewer);
    return cancelled;
  });
  for (const job of cancelled) announceCancel(app, job);
  await app.files.removeUnused();
}

async function cancelJobs(app: App, tx: Tx, avatarId: string): Promise<Job[]> {
  const unfinished = await tx.job.findMany({ where: { avatarId, finishedAt: null }, orderBy: { id: 'asc' } });
  const cancelled: Job[] = [];
  for (const { id } of unfinished) {
    try {
      cancelled.push(await cancelInTransaction(app, tx, id));
    } catch (error) {
      // It ended since it was read.
      if (!(error instanceof JobFinishedError)) throw error;
    }
  }
  return cancelled;
}
