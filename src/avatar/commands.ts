/** The commands on avatars: parse the input, lock the owner where the default may change, write. */
import { randomUUID } from 'node:crypto';
import type { Avatar, Job, Prisma } from '../../prisma/generated/client/client.ts';
import { lockOwner, owned, ownedBy } from '../access/ownership.ts';
import type { Viewer } from '../access/session.ts';
import type { App } from '../app/app.ts';
import type { Tx } from '../database/client.ts';
import { announceCancel, cancelInTransaction, JobFinishedError } from '../job/commands/cancel-job.ts';
import { parseInput } from '../refusal/invalid-input.ts';
import { NotFoundError } from '../refusal/refusal.ts';
import { oldestFirst } from './cursor.ts';
import { findAvatar } from './find-avatar.ts';
import { type AvatarKey, ownAvatar } from './key.ts';
import { createAvatarInput, defaultTrigger, importAvatarInput, renameAvatarInput } from './rules.ts';

type AddApp = Pick<App, 'prisma' | 'files' | 'falMode'>;

/**
 * Adds an avatar without a model. The owner's first avatar becomes the default. Throws InvalidInputError, and
 * LimitReachedError when the disk is nearly full.
 */
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
  throw new Error('A oneOf input has no member: GraphQL should have refused it.');
}

/**
 * Adds an avatar with a model that was trained elsewhere: READY at once. The owner's first avatar becomes the default.
 * Throws InvalidInputError, and LimitReachedError when the disk is nearly full.
 */
export async function importAvatar(app: AddApp, viewer: Viewer, input: unknown): Promise<Avatar> {
  const { portrait, style } = parseInput(importAvatarInput(app.falMode), input);
  const id = randomUUID();
  if (portrait) return addAvatar(app, viewer, { id, kind: 'PORTRAIT', status: 'READY', ...portrait });
  if (style) return addAvatar(app, viewer, { id, kind: 'STYLE', status: 'READY', ...style });
  throw new Error('A oneOf input has no member: GraphQL should have refused it.');
}

/** Throws InvalidInputError, NotFoundError. */
export async function renameAvatar(
  app: Pick<App, 'prisma'>,
  viewer: Viewer,
  input: { avatar: AvatarKey; name: string },
): Promise<Avatar> {
  const data = parseInput(renameAvatarInput, input);
  const [avatar] = await app.prisma.avatar.updateManyAndReturn({ where: ownAvatar(viewer, input.avatar), data });
  if (avatar === undefined) throw new NotFoundError('avatar');
  return avatar;
}

/** Throws NotFoundError. */
export async function setDefaultAvatar(app: Pick<App, 'prisma'>, viewer: Viewer, key: AvatarKey): Promise<Avatar> {
  return app.prisma.$transaction(async (tx) => {
    await lockOwner(tx, viewer.id);
    const avatar = await findAvatar(tx, viewer, key);
    // A unique index forbids two defaults even for a moment, so clear the old one first.
    await tx.avatar.updateMany({ where: { ...owned.avatars(viewer), isDefault: true }, data: { isDefault: false } });
    return tx.avatar.update({ where: { id: avatar.id }, data: { isDefault: true } });
  });
}

/**
 * Hides the avatar from every query, cancels its unfinished jobs, deletes its photos and pictures, and picks a new default
 * if it was the default: all in one transaction. The files of the photos and pictures are removed right after. Its row, its
 * jobs and its model remain until its last job has ended: see purge.ts. Throws NotFoundError, also the second time.
 */
export async function deleteAvatar(app: App, viewer: Viewer, key: AvatarKey): Promise<void> {
  const cancelled = await app.prisma.$transaction(async (tx) => {
    await lockOwner(tx, viewer.id);
    const avatar = await findAvatar(tx, viewer, key);
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

async function addAvatar(
  app: AddApp,
  viewer: Viewer,
  data: Omit<Prisma.AvatarUncheckedCreateInput, 'ownerId'>,
): Promise<Avatar> {
  await app.files.assertSpace();
  return app.prisma.$transaction(async (tx) => {
    await lockOwner(tx, viewer.id);
    const isDefault = !(await hasDefault(tx, viewer));
    return tx.avatar.create({ data: { ...data, ...ownedBy(viewer), isDefault } });
  });
}

/** Makes the owner's oldest avatar the default if none is. Call it with the owner locked. */
async function ensureDefault(tx: Tx, viewer: Viewer): Promise<void> {
  if (await hasDefault(tx, viewer)) return;
  const oldest = await tx.avatar.findFirst({ where: owned.avatars(viewer), orderBy: oldestFirst });
  if (oldest !== null) await tx.avatar.update({ where: { id: oldest.id }, data: { isDefault: true } });
}

async function hasDefault(tx: Tx, viewer: Viewer): Promise<boolean> {
  return (await tx.avatar.count({ where: { ...owned.avatars(viewer), isDefault: true } })) > 0;
}

async function cancelJobs(app: App, tx: Tx, avatarId: string): Promise<Job[]> {
  const unfinished = await tx.job.findMany({ where: { avatarId, finishedAt: null }, orderBy: { id: 'asc' } });
  const cancelled: Job[] = [];
  for (const { id } of unfinished) {
    try {
      cancelled.push(await cancelInTransaction(app, tx, id));
    } catch (error) {
      // The job ended after the read above.
      if (!(error instanceof JobFinishedError)) throw error;
    }
  }
  return cancelled;
}
