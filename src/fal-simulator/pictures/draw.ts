/** Draws a picture as SVG shapes with a caption: the same bytes for the same picture, other bytes for any other. */
import sharp, { type Sharp } from 'sharp';
import { randomFrom } from '../random.ts';
import { drawCaption } from './caption.ts';
import { paletteOf } from './palette.ts';
import type { Picture } from './picture.ts';
import { drawPortrait } from './portrait.ts';
import { drawStyle } from './style.ts';

export async function draw(picture: Picture): Promise<Buffer> {
  const { width, height, format, blank } = picture;
  const image = blank ? sharp({ create: { width, height, channels: 3, background: 'black' } }) : await compose(picture);
  return await (format === 'jpeg' ? image.jpeg({ quality: 90 }) : image.png({ compressionLevel: 6 })).toBuffer();
}

/** A LoRA draws a person; a finetune, or no avatar, a composition in one style. */
async function compose(picture: Picture): Promise<Sharp> {
  const { avatar, endpoint, prompt, seed, index, settings, width, height } = picture;
  const random = randomFrom(endpoint, prompt, seed, index, width, height, JSON.stringify(settings), avatar?.id ?? '');
  const isPerson = avatar?.kind === 'lora';
  const palette = paletteOf(isPerson ? [] : (avatar?.colours ?? []), random);
  const canvas = { prompt, width, height, palette, random };
  const subject = isPerson ? drawPortrait(avatar.id, canvas) : drawStyle(avatar?.id ?? prompt, canvas);
  const caption = await drawCaption(picture);
  const margin = Math.round(Math.min(width, height) * 0.045);
  const top = Math.max(height - margin - caption.height, 0);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${subject}${shade()}</svg>`;
  return sharp(Buffer.from(svg), { unlimited: true })
    .flatten()
    .composite([{ input: caption.image, left: margin, top }])
    .toColourspace('srgb');

  /** Darkens the foot, so that the caption is legible on any ground. */
  function shade(): string {
    const from = Math.max(top - margin * 2, 0);
    return `<linearGradient id="shade" x2="0" y2="1"><stop stop-color="#05060a" stop-opacity="0"/>
      <stop offset=".4" stop-color="#05060a" stop-opacity=".55"/><stop offset="1" stop-color="#05060a" stop-opacity=".85"/>
      </linearGradient><rect y="${from}" width="${width}" height="${height - from}" fill="url(#shade)"/>`;
  }
}
