/** The drawing of a picture. */
import sharp from 'sharp';
import { randomFrom } from '../random.ts';
import { caption } from './caption.ts';
import { grain } from './grain.ts';
import type { Picture } from './order.ts';
import { paletteOf, pickPalette } from './palette.ts';
import { drawPortrait } from './portrait.ts';
import { drawStyle } from './style.ts';

/** The same bytes for the same picture, others for any other. */
export async function draw(picture: Picture): Promise<Buffer> {
  const { width, height, format } = picture;
  const image = sharp(Buffer.from(svgOf(picture)), { unlimited: true }).flatten();
  if (!picture.blank) image.composite([{ input: await grain(), tile: true }]);
  return await (format === 'jpeg' ? image.jpeg({ quality: 90 }) : image.png({ compressionLevel: 6 }))
    .toColourspace('srgb')
    .toBuffer();

  function svgOf({ blank }: Picture): string {
    const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
    const black = `<rect width="${width}" height="${height}"/>`;
    return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>${blank ? black : poster(picture)}</svg>`;
  }
}

/** A LoRA is a person; a finetune, or nothing at all, is a style. */
function poster(picture: Picture): string {
  const { avatar, endpoint, prompt, seed, index, settings, width, height } = picture;
  const random = randomFrom(endpoint, prompt, seed, index, width, height, JSON.stringify(settings), avatar?.id ?? '');
  const isPerson = avatar?.kind === 'lora';
  const palette = isPerson ? pickPalette(random) : paletteOf(avatar?.colours ?? [], random);
  const subject = isPerson
    ? drawPortrait(picture, avatar.id, palette, random)
    : drawStyle(picture, avatar?.id ?? prompt, palette, random);
  return subject + caption(picture, palette).svg;
}
