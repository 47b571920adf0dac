/** Lines of text as strokes, from the font in glyphs.ts: measured, wrapped and drawn. */
import { glyphOf } from './glyphs.ts';

/** Between two letters, in the font's units. */
const tracking = 2.2;

/** What the font can write: accents are dropped, a few signs are replaced, the rest becomes a box. */
export function writable(text: string): string {
  return text
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[‘’‚`´]/g, "'")
    .replaceAll(/[“”„«»]/g, '"')
    .replaceAll(/[‐-―−]/g, '-')
    .replaceAll(/[æÆœŒßøØłŁđĐıŋ×·•]/g, (letter) => others[letter] ?? letter)
    .replaceAll(/\s+/g, ' ')
    .trim();
}

const others: Record<string, string> = Object.fromEntries(
  'æ ae Æ AE œ oe Œ OE ß ss ø o Ø O ł l Ł L đ d Đ D ı i ŋ n × x · - • -'
    .split(' ')
    .flatMap((letter, i, all) => (i % 2 === 0 ? [[letter, all[i + 1] ?? '']] : [])),
);

/** In pixels, for capitals of that height. */
export function widthOf(text: string, height: number): number {
  const units = Array.from(text).reduce((sum, character) => sum + glyphOf(character).width + tracking, -tracking);
  return (Math.max(units, 0) * height) / 10;
}

/** Lines no wider than that; a word that is wider alone is cut. The last of `most` lines ends in dots if more follows. */
export function wrap(text: string, height: number, width: number, most: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ').flatMap((word) => pieces(word))) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (widthOf(longer, height) <= width) {
      line = longer;
      continue;
    }
    lines.push(line);
    line = word;
  }
  lines.push(line);
  if (lines.length <= most) return lines;
  let last = lines[most - 1] ?? '';
  while (last !== '' && widthOf(`${last}...`, height) > width) last = last.slice(0, -1).trimEnd();
  return [...lines.slice(0, most - 1), `${last}...`];

  function pieces(word: string): string[] {
    if (widthOf(word, height) <= width) return [word];
    let fitting = word.length;
    while (fitting > 1 && widthOf(word.slice(0, fitting), height) > width) fitting -= 1;
    return [word.slice(0, fitting), ...pieces(word.slice(fitting))];
  }
}

/** One line as SVG. `y` is where capitals begin; `weight` is the pen's width as a share of the height. */
export function writeLine(text: string, x: number, y: number, height: number, weight: number): string {
  let at = 0;
  const glyphs = Array.from(text).map((character) => {
    const { width, path } = glyphOf(character);
    const glyph = path === '' ? '' : `<path transform="translate(${at.toFixed(1)})" d="${path}"/>`;
    at += width + tracking;
    return glyph;
  });
  const place = `translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${(height / 10).toFixed(4)})`;
  const pen = `fill="none" stroke="currentColor" stroke-width="${weight * 10}" stroke-linecap="round" stroke-linejoin="round"`;
  return `<g transform="${place}" ${pen}>${glyphs.join('')}</g>`;
}
