/** What a picture stands for, written along its foot: the prompt, and in small the model, the seed and the settings. */
import { mix } from '../colours.ts';
import type { Picture } from './order.ts';
import type { Palette } from './palette.ts';
import { widthOf, wrap, writable, writeLine } from './text.ts';

/** SVG over the whole picture; `height` is how far up from the foot it reaches. */
export function caption(picture: Picture, palette: Palette): { svg: string; height: number } {
  const { width, height, prompt } = picture;
  const unit = Math.min(width, height) / 100;
  const margin = unit * 4.5;
  const room = width - 2 * margin;
  const { lines, size } = fit(writable(prompt) || '-', room, unit);
  const small = Math.max(unit * 1.45, 7);
  const details = detailLines(picture, small, room);
  const leading = size * 1.95;
  const smallLeading = small * 2;
  const textHeight = lines.length * leading + unit * 1.6 + details.length * smallLeading;
  const top = height - margin - textHeight + smallLeading * 0.45;
  const shade = Math.min(height - top + unit * 11, height);
  const dark = mix(palette[0], '#05060a', 0.55);
  const svg = [
    `<linearGradient id="shade" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="${dark}" stop-opacity="0"/>`,
    `<stop offset=".4" stop-color="${dark}" stop-opacity=".55"/>`,
    `<stop offset="1" stop-color="${dark}" stop-opacity=".9"/></linearGradient>`,
    `<rect y="${height - shade}" width="${width}" height="${shade}" fill="url(#shade)"/>`,
    `<g color="#fffdf6">${lines.map((line, i) => writeLine(line, margin, top + i * leading, size, 0.105)).join('')}</g>`,
    `<g color="${mix(palette[4], '#ffffff', 0.35)}" opacity=".82">`,
    ...details.map((line, i) =>
      writeLine(line, margin, top + lines.length * leading + unit * 1.6 + i * smallLeading, small, 0.115),
    ),
    '</g>',
  ].join('');
  return { svg, height: height - top };
}

/** The largest of a few sizes at which the prompt takes few lines; at the smallest it is cut. */
function fit(prompt: string, room: number, unit: number): { lines: string[]; size: number } {
  for (const [size, most] of [
    [3, 2],
    [2.5, 3],
    [2.1, 4],
  ] as const) {
    const lines = wrap(prompt, size * unit, room, Infinity);
    if (lines.length <= most) return { lines, size: size * unit };
  }
  return { lines: wrap(prompt, 1.9 * unit, room, 5), size: 1.9 * unit };
}

/** As many details on each line as fit. */
function detailLines(picture: Picture, size: number, room: number): string[] {
  const { endpoint, seed, index, settings, width, height, avatar } = picture;
  const details = [
    endpoint,
    `seed ${seed}${index === 0 ? '' : ` + ${index}`}`,
    ...Object.entries(settings).map(([name, value]) => `${name} ${value}`),
    `${width} x ${height}`,
    ...(avatar === undefined ? [] : [`${avatar.kind} ${avatar.id.slice(0, 8)}`]),
  ].map(writable);
  const lines: string[] = [];
  for (const detail of details) {
    const line = lines.at(-1);
    const longer = `${line}   /   ${detail}`;
    if (line !== undefined && widthOf(longer, size) <= room) lines[lines.length - 1] = longer;
    else lines.push(...wrap(detail, size, room, 2));
  }
  return lines;
}
