/** An avatar that something is done to. */
import type { Avatar } from '../../prisma/generated/client/client.ts';
import type { Viewer } from '../app/app.ts';
import type { Tx } from '../database/client.ts';
import { NotFoundError } from '../refusal/refusal.ts';
import { type AvatarKey, ownAvatar } from './key.ts';

/**
 * The avatar that a job is started on or a photo is added to, in the transaction that does it: it cannot be deleted until
 * that has ended, and a second start on it waits and then sees the first. See own.ts for the order. Throws NotFoundError.
 */
export async function lockAvatar(tx: Tx, viewer: Viewer, key: AvatarKey): Promise<Avatar> {
  await tx.$queryRaw`SELECT 1 FROM "Avatar" WHERE "id" = ${key.id}::uuid FOR NO KEY UPDATE`;
  const avatar = await tx.avatar.findUnique({ where: ownAvatar(viewer, key) });
  if (avatar === null) throw new NotFoundError('avatar');
  return avatar;
}
