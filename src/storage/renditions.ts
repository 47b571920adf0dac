/** Pictures in other sizes and formats: a cache in the storage. A missing rendition is drawn again. */
import { rm } from 'node:fs/promises';
import type { Sharp } from 'sharp';
import { type BlobStore, FileNotFound, fileKey, type OpenFile, renditionsOf } from './blob-store.ts';
import { decoding, picture } from './decoder.ts';
import type { ImageFormat, Rendition } from './rendition.ts';
import type { TemporaryFolder } from './temporary-folder.ts';

/** The longest side that WebP supports. */
const maxSide = 16_383;

/** The name of a rendition within its picture. Two renditions with equal bytes may have different names. */
export const renditionKey = ({ width, format, quality }: Rendition) =>
  `${width ?? 'full'}-${quality ?? 'default'}.${format.toLowerCase()}`;

export function createRenditions(blobs: BlobStore, temporaryFolder: TemporaryFolder) {
  const drawing = new Map<string, Promise<void>>();
  return {
    async render(hash: string, rendition: Rendition): Promise<OpenFile> {
      const key = `${renditionsOf(hash)}${renditionKey(rendition)}`;
      const cached = await blobs.open(key);
      if (cached !== undefined) return cached;
      const drawn =
        drawing.get(key) ?? draw(blobs, temporaryFolder, hash, rendition, key).finally(() => drawing.delete(key));
      drawing.set(key, drawn);
      await drawn;
      const file = await blobs.open(key);
      if (file === undefined) throw new FileNotFound(hash);
      return file;
    },
  };
}

async function draw(
  blobs: BlobStore,
  temporaryFolder: TemporaryFolder,
  hash: string,
  rendition: Rendition,
  key: string,
): Promise<void> {
  const unfinished = await temporaryFolder.newPath();
  const isMissing = async () => (await blobs.byteSize(fileKey(hash))) === undefined;
  try {
    const { width = maxSide, format, quality } = rendition;
    await blobs.withLocalFile(hash, async (path) => {
      const sized = picture(path)
        .autoOrient()
        .resize({ width, height: maxSide, fit: 'inside', withoutEnlargement: true });
      await decoding(() => encode[format](sized, quality).toFile(unfinished));
    });
    await blobs.put(unfinished, key);
  } catch (error) {
    throw (await isMissing()) ? new FileNotFound(hash) : error;
  } finally {
    await rm(unfinished, { force: true });
  }
  // The picture was removed while this was drawn: the rendition must not outlive it.
  if (await isMissing()) await blobs.removeFile(hash);
}

/** In sRGB and without metadata, which are sharp's defaults. PNG is lossless and ignores the quality. */
const encode: Record<ImageFormat, (picture: Sharp, quality: number | undefined) => Sharp> = {
  JPEG: (picture, quality = 85) => picture.flatten({ background: '#ffffff' }).jpeg({ quality }),
  PNG: (picture) => picture.png(),
  WEBP: (picture, quality = 80) => picture.webp({ quality }),
  // Effort 2 of 9: a 1024-pixel picture takes a fraction of a second and is still smaller than WebP.
  AVIF: (picture, quality = 55) => picture.avif({ quality, effort: 2 }),
};
