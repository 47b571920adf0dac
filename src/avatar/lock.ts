/**
 * Who waits for whom. Rows are locked in this order, so that nobody waits in a circle: the owner, then jobs, then the
 * avatar, then what is inserted. Embedded, one transaction runs at a time and none of this waits.
 */
import type { Avatar } from '../../prisma/generated/client/client.ts';
import type { Viewer } from '../app.ts';
import type { Tx } from '../database/client.ts';
import { NotFound } from '../errors.ts';
import { type AvatarKey, ownAvatar } from './key.ts';

/** Holds off every other change of which avatars the owner has and which is the default, until the transaction ends. */
export async function lockOwner(tx: Tx, viewer: Viewer): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM "User" WHERE "id" = ${viewer.id}::uuid FOR UPDATE`;
}

/**
 * The avatar that a job is started on, in the transaction that starts it: it cannot be deleted until that has ended, so
 * that no job is started on an avatar that is being deleted, and a second start on the same avatar waits and then sees
 * the first. Throws NotFound.
 */
export async function lockAvatar(tx: Tx, viewer: Viewer, key: AvatarKey): Promise<Avatar> {
  await tx.$queryRaw`SELECT 1 FROM "User" WHERE "id" = ${viewer.id}::uuid FOR KEY SHARE`;
  await tx.$queryRaw`SELECT 1 FROM "Avatar" WHERE "id" = ${key.id}::uuid FOR UPDATE`;
  const avatar = await tx.avatar.findUnique({ where: ownAvatar(viewer, key) });
  if (avatar === null) throw new NotFound('avatar');
  return avatar;
}
