/** The commands on generated images. One write each, so they need no lock. */
import type { GeneratedImage } from '../../prisma/generated/client/client.ts';
import { owned } from '../access/ownership.ts';
import type { Viewer } from '../access/session.ts';
import type { App } from '../app/app.ts';
import { uuidOf } from '../graphql/global-id.ts';
import { NotFoundError } from '../refusal/refusal.ts';

/** Marks an image as a favorite, or removes the mark. Running it twice changes nothing more. Throws NotFoundError. */
export async function favoriteImage(
  app: Pick<App, 'prisma'>,
  viewer: Viewer,
  { imageId, favorite }: { imageId: string; favorite: boolean },
): Promise<GeneratedImage> {
  const [image] = await app.prisma.generatedImage.updateManyAndReturn({
    where: ownImage(viewer, imageId),
    data: { isFavorite: favorite },
  });
  if (image === undefined) throw new NotFoundError('image');
  return image;
}

/** Deletes an image, and its file unless another image shares it. Throws NotFoundError, also the second time. */
export async function deleteImage(app: Pick<App, 'prisma' | 'files'>, viewer: Viewer, imageId: string): Promise<void> {
  const where = ownImage(viewer, imageId);
  const image = await app.prisma.generatedImage.findFirst({ where, select: { fileHash: true } });
  const { count } = await app.prisma.generatedImage.deleteMany({ where });
  if (image === null || count === 0) throw new NotFoundError('image');
  await app.files.removeUnused([image.fileHash]);
}

/** The unique `where` of the viewer's own image. It does not match an image of a deleted avatar. */
function ownImage(viewer: Viewer, imageId: string) {
  const id = uuidOf(imageId, ['GeneratedImage']);
  if (id === undefined) throw new NotFoundError('image');
  return { ...owned.images(viewer), id };
}
