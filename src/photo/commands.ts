/** What can be done to an avatar's photos. None of it while the avatar is being trained. */
import type { Avatar, Photo } from '../../prisma/generated/client/client.ts';
import { owned } from '../access/ownership.ts';
import type { App, Viewer } from '../app/app.ts';
import { type AvatarKey, ownAvatar } from '../avatar/key.ts';
import { lockAvatar } from '../avatar/lock.ts';
import type { Tx } from '../database/client.ts';
import { uuidOf } from '../graphql/global-id.ts';
import { JobActiveError } from '../job/commands/start-job.ts';
import { NotFoundError } from '../refusal/refusal.ts';
import { failpoint } from '../runtime/failpoint.ts';
import { FileNotFound } from '../storage/blob-store.ts';
import type { UploadedFile } from '../storage/uploaded-file.ts';
import { inspectPhoto } from './inspect.ts';
import { filesOf, type Inspected, keepPhotos, type PhotoVerdict, writeSound } from './store-photos.ts';

type Parts = Pick<App, 'prisma' | 'files'>;

/**
 * Looks at each file and keeps the good ones, in their order, behind those that the avatar has. A verdict per file.
 * Throws NotFoundError, JobActiveError, LimitReachedError; then none is kept.
 */
export async function addPhotos(
  app: Parts,
  viewer: Viewer,
  { avatar: key, files: uploads }: { avatar: AvatarKey; files: UploadedFile[] },
): Promise<PhotoVerdict[]> {
  await app.files.assertSpace();
  // Asked again under the lock. Here it spares looking at pictures that cannot be kept.
  const avatar = await app.prisma.avatar.findUnique({ where: ownAvatar(viewer, key) });
  if (avatar === null) throw new NotFoundError('avatar');
  await assertNotTraining(app.prisma, avatar);
  const inspected = await Promise.all(
    uploads.map(
      async (file): Promise<Inspected> => ({
        fileName: nameOf(file),
        path: file.path,
        finding: await inspectPhoto(file),
      }),
    ),
  );
  for (let attempt = 1; ; attempt += 1) {
    const candidates = await writeSound(app, inspected);
    const files = filesOf(candidates);
    try {
      await failpoint('photo.written');
      const verdicts = await app.prisma.$transaction(async (tx) => {
        const avatar = await lockAvatar(tx, viewer, key);
        await assertNotTraining(tx, avatar);
        await app.files.record(tx, files);
        return await keepPhotos(tx, avatar, candidates);
      });
      await failpoint('photo.recorded');
      return verdicts;
    } catch (error) {
      // Another request removed the same file, unused until now, between our writing it and our recording it.
      if (!(error instanceof FileNotFound) || attempt === 3) throw error;
    } finally {
      // Those that are not kept after all; what a photo refers to stays.
      await app.files.removeUnused(files.map((file) => file.hash));
    }
  }
}

/** Removes a photo, and its file when no other photo is the same. Throws NotFoundError, JobActiveError. */
export async function removePhoto(app: Parts, viewer: Viewer, photoId: string): Promise<Photo> {
  const id = uuidOf(photoId, ['Photo']);
  if (id === undefined) throw new NotFoundError('photo');
  const removed = await app.prisma.$transaction(async (tx) => {
    const photo = await tx.photo.findUnique({ where: ownPhoto(viewer, id) });
    if (photo === null) throw new NotFoundError('photo');
    await assertNotTraining(tx, await lockAvatar(tx, viewer, { id: photo.avatarId }));
    const { count } = await tx.photo.deleteMany({ where: { id } });
    if (count === 0) throw new NotFoundError('photo');
    return photo;
  });
  await app.files.removeUnused([removed.fileHash]);
  return removed;
}

/** The viewer's own photo of this uuid, for a unique `where`: one of a deleted avatar is not there. */
export const ownPhoto = (viewer: Viewer, id: string) => ({ ...owned.photos(viewer), id });

async function assertNotTraining(tx: Tx, avatar: Avatar): Promise<void> {
  const job = await tx.job.findFirst({ where: { avatarId: avatar.id, kind: 'TRAINING', finishedAt: null } });
  if (job === null) return;
  throw new JobActiveError('This avatar is being trained from its photos. Change them when that has ended.', job);
}

/** As it is shown: any text becomes one line that a database can hold and that reads in one direction. */
function nameOf({ fileName }: UploadedFile): string {
  const line = fileName.replaceAll(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]+/gu, ' ').trim();
  return Array.from(line).slice(0, 255).join('') || 'unnamed';
}
