/** Inspects a picture from fal before it is stored: its type by content, its size and its BlurHash. */
import { encode } from 'blurhash';
import { decoding, picture } from '../storage/decoder.ts';
import { contentTypes } from '../storage/rendition.ts';

export type ImageInfo = { contentType: string; width: number; height: number; blurhash: string };

/** A BlurHash of 4 by 3 components needs no more pixels a side than this. */
const blurhashSide = 32;

/** Decodes the file to its last byte. Throws if it is damaged, cut off, or not a JPEG, PNG or WebP. */
export async function inspectImage(path: string): Promise<ImageInfo> {
  return await decoding(async () => {
    const { format, autoOrient } = await picture(path).metadata();
    const { data, info } = await picture(path)
      .autoOrient()
      .resize(blurhashSide, blurhashSide, { fit: 'inside' })
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    return {
      contentType: contentTypeOf(format),
      width: autoOrient.width,
      height: autoOrient.height,
      blurhash: encode(new Uint8ClampedArray(data), info.width, info.height, 4, 3),
    };
  });
}

function contentTypeOf(format: string): string {
  const name = format.toUpperCase();
  if (name === 'JPEG' || name === 'PNG' || name === 'WEBP') return contentTypes[name];
  throw new Error(`The picture is a ${format}, not a JPEG, PNG or WebP.`);
}
