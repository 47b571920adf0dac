/** Pictures in other sizes and formats, drawn once and kept on disk. A cache: what is missing is drawn again. */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sharp } from 'sharp';
import { decoding, picture } from './decoder.ts';
import { type Disk, sync } from './disk.ts';
import type { ImageFormat, Rendition } from './rendition.ts';

/** WebP holds no longer side. */
const maxSide = 16_383;

/** Names a rendition of a picture; two that would have the same bytes may have two names. */
export const renditionKey = ({ width, format, quality }: Rendition) =>
  `${width ?? 'full'}-${quality ?? 'default'}.${format.toLowerCase()}`;

export function createRenditions(disk: Disk) {
  const underWay = new Map<string, Promise<string>>();
  return {
    async render(hash: string, rendition: Rendition): Promise<string> {
      const path = join(disk.renditions(hash), renditionKey(rendition));
      if (existsSync(path)) return path;
      const drawn = underWay.get(path) ?? draw(disk, hash, rendition, path).finally(() => underWay.delete(path));
      underWay.set(path, drawn);
      return await drawn;
    },
  };
}

/** Synced before it has its name, so that a power cut leaves no half picture under it. */
async function draw(disk: Disk, hash: string, rendition: Rendition, path: string): Promise<string> {
  const unfinished = await disk.newPath();
  try {
    const { width = maxSide, format, quality } = rendition;
    const sized = picture(disk.path(hash))
      .autoOrient()
      .resize({ width, height: maxSide, fit: 'inside', withoutEnlargement: true });
    await decoding(() => encode[format](sized, quality).toFile(unfinished));
    await sync(unfinished);
    await mkdir(disk.renditions(hash), { recursive: true });
    await rename(unfinished, path);
    return path;
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

/** In sRGB and without metadata, as sharp writes unless told otherwise. PNG loses nothing and takes no quality. */
const encode: Record<ImageFormat, (picture: Sharp, quality: number | undefined) => Sharp> = {
  JPEG: (picture, quality = 85) => picture.flatten({ background: '#ffffff' }).jpeg({ quality }),
  PNG: (picture) => picture.png(),
  WEBP: (picture, quality = 80) => picture.webp({ quality }),
  // Effort 2 of 9: a 1024-pixel picture takes a fraction of a second and is still smaller than WebP.
  AVIF: (picture, quality = 55) => picture.avif({ quality, effort: 2 }),
};
