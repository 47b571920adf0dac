/** A picture without a person. The avatar chooses the kind of composition, so that a style is recognised again. */
import { randomFrom } from '../random.ts';
import type { Canvas } from './picture.ts';

type Composition = (canvas: Canvas) => string;

export function drawStyle(avatarId: string, canvas: Canvas): string {
  const { width, height, palette } = canvas;
  const compositions: readonly [Composition, ...Composition[]] = [drawRibbons, drawDunes, drawTiles];
  return `<linearGradient id="ground" x2=".35" y2="1"><stop stop-color="${palette[4]}"/><stop offset="1" stop-color="${palette[3]}"/>
    </linearGradient><rect width="${width}" height="${height}" fill="url(#ground)"/>
    ${randomFrom('composition', avatarId).pick(compositions)(canvas)}`;
}

/** Bands of fine lines that swing across the picture together. */
function drawRibbons({ width, height, palette, random }: Canvas): string {
  const size = Math.min(width, height);
  const bands = Array.from({ length: 5 }, (_, band) => {
    const [start, end] = [height * random.between(0.05, 0.95), height * random.between(0.05, 0.95)];
    const [swing, spread, gather] = [
      height * random.between(-0.6, 0.6),
      size * random.between(0.16, 0.34),
      random.next(),
    ];
    const lines = Array.from({ length: 34 }, (_, i) => {
      const y = (i / 33 - 0.5) * spread;
      return `M0 ${start + y}C${width * 0.33} ${start + swing + y * gather} ${width * 0.66} ${end - swing - y * gather} ${width} ${end + y}`;
    });
    return `<path d="${lines.join('')}" stroke="${palette[band % 5]}"/>`;
  });
  return `<circle cx="${width * random.between(0.25, 0.75)}" cy="${height * 0.35}" r="${size * random.between(0.16, 0.26)}" fill="${palette[2]}"/>
    <g fill="none" stroke-width="${size * 0.006}" opacity=".85">${bands.join('')}</g>`;
}

/** Land in layers under a low sun. */
function drawDunes({ width, height, palette, random }: Canvas): string {
  const [x, y, r] = [
    width * random.between(0.2, 0.8),
    height * 0.3,
    Math.min(width, height) * random.between(0.11, 0.19),
  ];
  const dunes = [3, 2, 2, 1, 1, 0].map((colour, i) => {
    const at = height * (0.4 + i * 0.1);
    const swell = () => height * random.between(-0.08, 0.08);
    const ridge = `M0 ${at + swell()}C${width * 0.2} ${at + swell()} ${width * 0.4} ${at + swell()} ${width * 0.55} ${at + swell()}S${width * 0.85} ${at + swell()} ${width} ${at + swell()}`;
    return `<path d="${ridge}V${height}H0Z" fill="${palette[colour]}" opacity=".8"/>
      <path d="${ridge}" fill="none" stroke="${palette[4]}" stroke-width="${r * 0.02}" opacity=".6"/>`;
  });
  const sun = [2.3, 1.55, 1].map((k) => `<circle cx="${x}" cy="${y}" r="${r * k}" fill="${palette[2]}" opacity=".4"/>`);
  return sun.join('') + dunes.join('');
}

/** A grid of quarters, halves, rings and bars, as the Bauhaus printed them. */
function drawTiles({ width, height, palette, random }: Canvas): string {
  const cell = Math.min(width, height) / random.int(5, 7);
  const shapes = [
    'M0 0H1A1 1 0 0 1 0 1Z',
    'M0 0A.5 .5 0 0 0 1 0ZM0 .5A.5 .5 0 0 0 1 .5Z',
    'M0 .5A.5 .5 0 0 1 1 .5A.5 .5 0 0 1 0 .5ZM.25 .5A.25 .25 0 0 0 .75 .5A.25 .25 0 0 0 .25 .5Z',
    'M0 0L1 1H0Z',
    'M0 .05H1V.2H0ZM0 .3H1V.45H0ZM0 .55H1V.7H0ZM0 .8H1V.95H0Z',
  ] as const;
  const columns = Math.ceil(width / cell);
  const tiles = Array.from({ length: columns * Math.ceil(height / cell) }, (_, i) => {
    const [x, y] = [(i % columns) * cell, Math.floor(i / columns) * cell];
    return `<g transform="translate(${x} ${y}) scale(${cell})"><rect width="1.01" height="1.01" fill="${random.pick(palette)}"/>
      <path transform="rotate(${random.int(0, 3) * 90} .5 .5)" d="${random.pick(shapes)}" fill="${random.pick(palette)}"/></g>`;
  });
  return tiles.join('');
}
