/** Finds the stored file of a generated image, for the file route. Null for an image of a deleted avatar. */
import type { App } from '../app/app.ts';
import type { ServedFile } from '../storage/serve.ts';

export async function findImageFile({ prisma }: Pick<App, 'prisma'>, id: string): Promise<ServedFile | null> {
  const image = await prisma.generatedImage.findUnique({ where: { id, generation: { avatar: { deletedAt: null } } } });
  return image && { hash: image.fileHash, contentType: image.contentType, fileName: image.id };
}
