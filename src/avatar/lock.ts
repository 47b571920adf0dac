/** An avatar that something is done to. */
import type { Avatar } from '../../prisma/generated/client/client.ts';
import type { Viewer } from '../app/app.ts';
import type { Tx } from '../database/client.ts';
import { NotFoundError } from '../refusal/refusal.ts';
import { type AvatarKey, ownAvatar } from './key.ts';

/** The viewer's avatar, read without a lock. Throws NotFoundError. */
export async function findAvatar(db: Tx, viewer: Viewer, key: AvatarKey): Promise<Avatar> {
  const avatar = await db.avatar.findUnique({ where: ownAvatar(viewer, key) });
  if (avatar === null) throw new NotFoundError('avatar');
  return avatar;
}

/**
 * The viewer's avatar, locked until the transaction ends: it cannot be deleted meanwhile, and a second start on it waits
 * and then sees the first. access/ownership.ts has the order of locks. Throws NotFoundError.
 */
export async function lockAvatar(tx: Tx, viewer: Viewer, key: AvatarKey): Promise<Avatar> {
  await tx.$queryRaw`SELECT 1 FROM "Avatar" WHERE "id" = ${key.id}::uuid FOR NO KEY UPDATE`;
  return await findAvatar(tx, viewer, key);
}
