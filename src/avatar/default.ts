/** The owner's default avatar: exactly one, once the owner has any. */
import type { Avatar } from '../../prisma/generated/client/client.ts';
import { lockOwner, owned } from '../access/ownership.ts';
import type { App, Viewer } from '../app/app.ts';
import type { Tx } from '../database/client.ts';
import { NotFoundError } from '../refusal/refusal.ts';
import { type AvatarKey, ownAvatar } from './key.ts';

/** Throws NotFoundError. */
export async function setDefaultAvatar(app: Pick<App, 'prisma'>, viewer: Viewer, key: AvatarKey): Promise<Avatar> {
  return app.prisma.$transaction(async (tx) => {
    await lockOwner(tx, viewer.id);
    const avatar = await tx.avatar.findUnique({ where: ownAvatar(viewer, key) });
    if (avatar === null) throw new NotFoundError('avatar');
    // First none, then one: the database allows two at no moment.
    await tx.avatar.updateMany({ where: { ...owned.avatars(viewer), isDefault: true }, data: { isDefault: false } });
    return tx.avatar.update({ where: { id: avatar.id }, data: { isDefault: true } });
  });
}

/** Makes the owner's oldest avatar the default when none is. In a transaction that holds the owner's lock. */
export async function ensureDefault(tx: Tx, viewer: Viewer): Promise<void> {
  const mine = owned.avatars(viewer);
  if ((await tx.avatar.count({ where: { ...mine, isDefault: true } })) > 0) return;
  const oldest = await tx.avatar.findFirst({ where: mine, orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] });
  if (oldest !== null) await tx.avatar.update({ where: { id: oldest.id }, data: { isDefault: true } });
}
