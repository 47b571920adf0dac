/** Finds the stored file of a photo, for the file route. Null for the photo of a deleted avatar. */
import type { App } from '../app/app.ts';
import type { ServedFile } from '../storage/serve.ts';

export async function findPhotoFile({ prisma }: Pick<App, 'prisma'>, id: string): Promise<ServedFile | null> {
  const photo = await prisma.photo.findUnique({ where: { id, avatar: { deletedAt: null } } });
  return photo && { hash: photo.fileHash, contentType: photo.mimeType, fileName: photo.fileName };
}
