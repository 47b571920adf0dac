/** A poster of a person: who it is follows from the avatar, everything else from the prompt and the seed. */
import type { Random } from '../random.ts';
import { drawBust } from './clothes.ts';
import { drawFace, expressionOf, personOf } from './face.ts';
import { drawBeard, drawEarrings, drawGlasses, hairBehind, hairOver } from './hair.ts';
import type { Picture } from './order.ts';
import type { Palette } from './palette.ts';
import { drawScene } from './scene.ts';

export function drawPortrait(picture: Picture, avatarId: string, palette: Palette, random: Random): string {
  const { width, height, prompt } = picture;
  const person = personOf(avatarId);
  const expression = expressionOf(random);
  const scale = (Math.min(width, height * 0.86) / 100) * random.between(0.94, 1.06);
  const [x, y] = [width * random.between(0.47, 0.53), height * 0.365];
  const tilt = random.between(-5, 5).toFixed(1);
  const rim = expression.lightFromLeft ? -1 : 1;
  return [
    drawScene(prompt, { width, height, palette, random }),
    `<g transform="translate(${x} ${y}) scale(${scale})">`,
    `<g transform="rotate(${tilt} 0 26)">${hairBehind(person)}</g>`,
    drawBust(person, prompt, palette, random),
    `<g transform="rotate(${tilt} 0 26)">`,
    drawFace(person, expression),
    drawBeard(person),
    hairOver(person),
    drawEarrings(person),
    drawGlasses(person),
    '</g></g>',
    `<radialGradient id="light" cx="${0.5 + rim * 0.42}" cy=".12" r=".9"><stop offset="0" stop-color="#fff3d6" stop-opacity=".32"/>`,
    '<stop offset=".55" stop-color="#fff3d6" stop-opacity="0"/></radialGradient>',
    `<rect width="${width}" height="${height}" fill="url(#light)"/>`,
  ].join('');
}
