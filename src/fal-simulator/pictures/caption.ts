/**
 * The caption of a picture: the prompt and, smaller, the endpoint, the seed and the settings. The font comes from an npm
 * package, because a container image often has none.
 */
import { createRequire } from 'node:module';
import sharp from 'sharp';
import type { Picture } from './picture.ts';

const fontfile = createRequire(import.meta.url).resolve(
  '@expo-google-fonts/questrial/400Regular/Questrial_400Regular.ttf',
);
const longestPrompt = 400;

export type Caption = { image: Buffer; width: number; height: number };

/** White text on a transparent ground, at most 91 % as wide as the picture. Long prompts are cut. */
export async function drawCaption(picture: Picture): Promise<Caption> {
  const { prompt, endpoint, seed, index, settings, width, height, avatar } = picture;
  const unit = Math.min(width, height) / 100;
  const characters = Array.from(prompt.replaceAll(/[\p{C}\s]+/gu, ' ').trim());
  const shown =
    characters.length > longestPrompt ? `${characters.slice(0, longestPrompt).join('')}…` : characters.join('');
  const promptSize = unit * (shown.length > 160 ? 2.4 : shown.length > 60 ? 3.2 : 4.2);
  const details = [
    endpoint,
    `seed ${seed}${index === 0 ? '' : ` + ${index}`}`,
    ...Object.entries(settings).map(([name, value]) => `${name} ${value}`),
    `${width} × ${height}`,
    ...(avatar === undefined ? [] : [`${avatar.kind} ${avatar.id.slice(0, 8)}`]),
  ].join('  ·  ');
  const text = `${span(shown || '–', promptSize, '#fffdf6')}\n${span(details, Math.max(unit * 1.9, 8), '#fffdf6c8')}`;
  const { data, info } = await sharp({
    text: {
      text,
      font: 'Questrial',
      fontfile,
      width: Math.floor(width * 0.91),
      dpi: 72,
      rgba: true,
      spacing: Math.round(unit),
      wrap: 'word-char',
    },
  })
    .png()
    .toBuffer({ resolveWithObject: true });
  return { image: data, width: info.width, height: info.height };
}

/** Pango markup; a point is a pixel at 72 dpi, and Pango counts 1024 units to a point. */
function span(text: string, size: number, colour: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<span size="${Math.round(size * 1024)}" foreground="${colour}">${escaped}</span>`;
}
