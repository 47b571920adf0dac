/** The commands on an avatar's photos. Both throw JobActiveError while the avatar is being trained. */
import type { Avatar, Photo } from '../../prisma/generated/client/client.ts';
import { owned } from '../access/ownership.ts';
import type { Viewer } from '../access/session.ts';
import type { App } from '../app/app.ts';
import { findAvatar, lockAvatar } from '../avatar/find-avatar.ts';
import type { AvatarKey } from '../avatar/key.ts';
import type { Tx } from '../database/client.ts';
import { uuidOf } from '../graphql/global-id.ts';
import { JobActiveError } from '../job/commands/start-job.ts';
import { NotFoundError } from '../refusal/refusal.ts';
import { failpoint } from '../runtime/failpoint.ts';
import { FileNotFound } from '../storage/blob-store.ts';
import type { UploadedFile } from '../storage/uploaded-file.ts';
import { inspectPhoto } from './inspect.ts';
import { filesOf, type InspectedFile, insertPhotos, type PhotoVerdict, writeFiles } from './store-photos.ts';

type PhotoApp = Pick<App, 'prisma' | 'files'>;

/**
 * Inspects each file and adds the accepted ones behind the avatar's photos, in their order. Returns a verdict per file.
 * Throws NotFoundError, JobActiveError, and LimitReachedError when the disk is nearly full; then no photo is added.
 */
export async function addPhotos(
  app: PhotoApp,
  viewer: Viewer,
  { avatar: key, files: uploads }: { avatar: AvatarKey; files: UploadedFile[] },
): Promise<PhotoVerdict[]> {
  await app.files.assertSpace();
  // The same checks run again under the lock. Here they spare the work of inspecting files in vain.
  await assertNotTraining(app.prisma, await findAvatar(app.prisma, viewer, key));
  const inspected = await Promise.all(
    uploads.map(
      async (file): Promise<InspectedFile> => ({
        fileName: displayName(file),
        path: file.path,
        inspection: await inspectPhoto(file),
      }),
    ),
  );
  for (let attempt = 1; ; attempt += 1) {
    const candidates = await writeFiles(app, inspected);
    const files = filesOf(candidates);
    try {
      await failpoint('photo.written');
      const verdicts = await app.prisma.$transaction(async (tx) => {
        const avatar = await lockAvatar(tx, viewer, key);
        await assertNotTraining(tx, avatar);
        await app.files.record(tx, files);
        return await insertPhotos(tx, avatar, candidates);
      });
      await failpoint('photo.recorded');
      return verdicts;
    } catch (error) {
      // The same file was stored before and unused, and another request removed it after we wrote it: write it again.
      if (!(error instanceof FileNotFound) || attempt === 3) throw error;
    } finally {
      // Removes the files that got no photo. Files with a photo stay.
      await app.files.removeUnused(files.map((file) => file.hash));
    }
  }
}

/** Removes a photo, and its file unless another photo shares it. Throws NotFoundError, JobActiveError. */
export async function removePhoto(app: PhotoApp, viewer: Viewer, photoId: string): Promise<Photo> {
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

/** The unique `where` of the viewer's own photo. It does not match a photo of a deleted avatar. */
export const ownPhoto = (viewer: Viewer, id: string) => ({ ...owned.photos(viewer), id });

async function assertNotTraining(tx: Tx, avatar: Avatar): Promise<void> {
  const job = await tx.job.findFirst({ where: { avatarId: avatar.id, kind: 'TRAINING', finishedAt: null } });
  if (job === null) return;
  throw new JobActiveError('This avatar is being trained with its photos. Change them after the training.', job);
}

/** Turns any file name into one line without control or bidirectional characters, at most 255 characters long. */
function displayName({ fileName }: UploadedFile): string {
  const line = fileName.replaceAll(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]+/gu, ' ').trim();
  return Array.from(line).slice(0, 255).join('') || 'unnamed';
}
