/** What can be done to an avatar, one transaction each. */
import { randomUUID } from 'node:crypto';
import type { Avatar, Prisma } from '../../prisma/generated/client/client.ts';
import { lockOwner, owned, ownedBy } from '../access/ownership.ts';
import type { App, Viewer } from '../app/app.ts';
import { NotFoundError, parseInput } from '../refusal/refusal.ts';
import { type AvatarKey, ownAvatar } from './key.ts';
import { createAvatarInput, defaultTrigger, importAvatarInput, newName } from './rules.ts';

type AddApp = Pick<App, 'prisma' | 'files' | 'falMode'>;

/** An avatar without a model. The owner's first avatar becomes the default. Throws InvalidInputError, LimitReachedError. */
export async function createAvatar(app: AddApp, viewer: Viewer, input: unknown): Promise<Avatar> {
  const { portrait, style } = parseInput(createAvatarInput, input);
  const id = randomUUID();
  if (portrait) {
    const triggerPhrase = portrait.triggerPhrase ?? defaultTrigger(id);
    return addAvatar(app, viewer, { id, kind: 'PORTRAIT', name: portrait.name, triggerPhrase });
  }
  if (style) {
    const triggerWord = style.triggerWord ?? defaultTrigger(id);
    return addAvatar(app, viewer, { id, kind: 'STYLE', name: style.name, triggerWord });
  }
  throw new Error('A oneOf input came without a member.');
}

/** An avatar with a model that was trained elsewhere: READY at once. Throws InvalidInputError, LimitReachedError. */
export async function importAvatar(app: AddApp, viewer: Viewer, input: unknown): Promise<Avatar> {
  const { portrait, style } = parseInput(importAvatarInput(app.falMode), input);
  const id = randomUUID();
  if (portrait) return addAvatar(app, viewer, { id, kind: 'PORTRAIT', status: 'READY', ...portrait });
  if (style) return addAvatar(app, viewer, { id, kind: 'STYLE', status: 'READY', ...style });
  throw new Error('A oneOf input came without a member.');
}

/** Throws InvalidInputError, NotFoundError. */
export async function renameAvatar(
  app: Pick<App, 'prisma'>,
  viewer: Viewer,
  input: { avatar: AvatarKey; name: string },
): Promise<Avatar> {
  const data = parseInput(newName, input);
  const [avatar] = await app.prisma.avatar.updateManyAndReturn({ where: ownAvatar(viewer, input.avatar), data });
  if (avatar === undefined) throw new NotFoundError('avatar');
  return avatar;
}

async function addAvatar(
  app: AddApp,
  viewer: Viewer,
  data: Omit<Prisma.AvatarUncheckedCreateInput, 'ownerId'>,
): Promise<Avatar> {
  await app.files.assertSpace();
  return app.prisma.$transaction(async (tx) => {
    await lockOwner(tx, viewer.id);
    const isDefault = (await tx.avatar.count({ where: { ...owned.avatars(viewer), isDefault: true } })) === 0;
    return tx.avatar.create({ data: { ...data, ...ownedBy(viewer), isDefault } });
  });
}
