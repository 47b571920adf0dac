/** Finds the viewer's avatar, with or without a lock. */
import type { Avatar } from '../../prisma/generated/client/client.ts';
import type { Viewer } from '../access/session.ts';
import type { Tx } from '../database/client.ts';
import { NotFoundError } from '../refusal/refusal.ts';
import { type AvatarKey, ownAvatar } from './key.ts';

/** Throws NotFoundError. */
export async function findAvatar(db: Tx, viewer: Viewer, key: AvatarKey): Promise<Avatar> {
  const avatar = await db.avatar.findUnique({ where: ownAvatar(viewer, key) });
  if (avatar === null) throw new NotFoundError('avatar');
  return avatar;
}

/**
 * Locks the avatar until the transaction ends, so that it cannot be deleted meanwhile, and a second start on it waits and
 * then sees the first. access/ownership.ts has the order in which rows are locked. Throws NotFoundError.
 */
export async function lockAvatar(tx: Tx, viewer: Viewer, key: AvatarKey): Promise<Avatar> {
  await tx.$queryRaw`SELECT 1 FROM "Avatar" WHERE "id" = ${key.id}::uuid FOR NO KEY UPDATE`;
  return await findAvatar(tx, viewer, key);
}
