/** What is to be known of a picture before it is kept. */
import { encode } from 'blurhash';
import { decoding, picture } from '../storage/decoder.ts';
import { contentTypes } from '../storage/rendition.ts';

export type Picture = { contentType: string; width: number; height: number; blurhash: string };

/** A blurhash holds 4 by 3 waves; more pixels than this on a side tell it nothing. */
const blurhashSide = 32;

/** Decodes the picture in a file to its last byte. Throws when it is damaged, cut off, or no JPEG, PNG or WebP. */
export async function readPicture(path: string): Promise<Picture> {
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
  throw new Error(`A ${format} is no picture that is kept here.`);
}
