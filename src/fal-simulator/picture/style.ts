/** A picture without a person: the style's own manner, which follows from the finetune, in a new arrangement each time. */
import { mix } from '../colours.ts';
import { type Random, randomFrom } from '../random.ts';
import type { Picture } from './order.ts';
import type { Palette } from './palette.ts';

type Canvas = { width: number; height: number; size: number; palette: Palette; random: Random };
type Manner = (canvas: Canvas) => string;

export function drawStyle(picture: Picture, avatarId: string, palette: Palette, random: Random): string {
  const { width, height } = picture;
  const manner = randomFrom('manner', avatarId).pick(manners);
  return manner({ width, height, size: Math.min(width, height), palette, random });
}

const manners: readonly [Manner, ...Manner[]] = [drawRibbons, drawDunes, drawTiles, drawBrush, drawBlooms];

function ground({ width, height, palette }: Canvas, from: string, to: string): string {
  return `<linearGradient id="ground" x1="0" y1="0" x2=".35" y2="1"><stop offset="0" stop-color="${from}"/><stop offset=".6" stop-color="${mix(from, to, 0.55)}"/><stop offset="1" stop-color="${to}"/></linearGradient><rect width="${width}" height="${height}" fill="${palette[2]}"/><rect width="${width}" height="${height}" fill="url(#ground)"/>`;
}

/** Bands of many fine lines, that swing across the picture together. */
function drawRibbons(canvas: Canvas): string {
  const { width, height, size, palette, random } = canvas;
  const disc = `<circle cx="${width * random.between(0.25, 0.75)}" cy="${height * random.between(0.25, 0.45)}" r="${size * random.between(0.16, 0.26)}" fill="${palette[3]}" fill-opacity=".95"/>`;
  const bands = Array.from({ length: 5 }, (_, band) => {
    const [start, end] = [height * random.between(0.05, 0.95), height * random.between(0.05, 0.95)];
    const [swingA, swingB] = [height * random.between(-0.6, 0.6), height * random.between(-0.6, 0.6)];
    const [spread, gather] = [size * random.between(0.16, 0.34), random.between(0.15, 0.5)];
    const [from, to] = [palette[(band % 4) as 0 | 1 | 2 | 3], palette[((band + 2) % 5) as 0 | 1 | 2 | 3 | 4]];
    const lines = 34;
    return Array.from({ length: lines }, (_, i) => {
      const share = i / (lines - 1);
      const off = (share - 0.5) * spread;
      const path = `M${-width * 0.05} ${(start + off).toFixed(1)}C${(width * 0.33).toFixed(0)} ${(start + swingA + off * gather).toFixed(1)} ${(width * 0.66).toFixed(0)} ${(end + swingB - off * gather).toFixed(1)} ${width * 1.05} ${(end + off).toFixed(1)}`;
      return `<path d="${path}" stroke="${mix(from, to, share)}" stroke-width="${(size * 0.0062).toFixed(2)}" stroke-opacity=".82"/>`;
    }).join('');
  });
  return `${ground(canvas, mix(palette[4], palette[3], 0.15), palette[3])}${disc}<g fill="none" stroke-linecap="round">${bands.join('')}</g>`;
}

/** Land in layers under a low sun, each layer lit along its ridge. */
function drawDunes(canvas: Canvas): string {
  const { width, height, size, palette, random } = canvas;
  const [sunX, sunY, sunR] = [
    width * random.between(0.2, 0.8),
    height * random.between(0.24, 0.36),
    size * random.between(0.11, 0.19),
  ];
  const halo = [3.2, 2.3, 1.55].map(
    (k) => `<circle cx="${sunX}" cy="${sunY}" r="${sunR * k}" fill="${palette[4]}" fill-opacity=".16"/>`,
  );
  const layers = 7;
  const dunes = Array.from({ length: layers }, (_, i) => {
    const share = i / (layers - 1);
    const y = height * (0.38 + share * 0.5);
    const swell = () => height * random.between(-0.075, 0.075);
    const ridge = `M0 ${y + swell()}C${width * random.between(0.15, 0.3)} ${y + swell() * 2} ${width * random.between(0.3, 0.45)} ${y + swell() * 2} ${width * random.between(0.48, 0.6)} ${y + swell()}S${width * random.between(0.75, 0.9)} ${y + swell() * 2} ${width} ${y + swell()}`;
    const top = mix(mix(palette[3], palette[1], share), palette[0], share * 0.35);
    const id = `dune${i}`;
    return `<linearGradient id="${id}" x1="0" y1="0" x2="${random.between(-0.3, 0.3)}" y2="1"><stop offset="0" stop-color="${mix(top, palette[4], 0.28)}"/><stop offset=".5" stop-color="${top}"/><stop offset="1" stop-color="${mix(top, palette[0], 0.5)}"/></linearGradient><path d="${ridge}V${height}H0Z" fill="url(#${id})"/><path d="${ridge}" fill="none" stroke="${palette[4]}" stroke-width="${size * 0.0022}" opacity=".45"/>`;
  });
  const birds = Array.from({ length: random.int(0, 5) }, () => {
    const [x, y, w] = [
      width * random.between(0.1, 0.9),
      height * random.between(0.1, 0.3),
      size * random.between(0.01, 0.02),
    ];
    return `<path d="M${x - w} ${y - w * 0.4}Q${x - w * 0.4} ${y - w * 0.7} ${x} ${y}Q${x + w * 0.4} ${y - w * 0.7} ${x + w} ${y - w * 0.4}" fill="none" stroke="${palette[0]}" stroke-width="${size * 0.003}" stroke-linecap="round"/>`;
  });
  return `${ground(canvas, palette[2], palette[4])}${halo.join('')}<circle cx="${sunX}" cy="${sunY}" r="${sunR}" fill="${palette[4]}"/>${birds.join('')}${dunes.join('')}`;
}

/** A grid of quarters, halves and rings, as the Bauhaus printed them. */
function drawTiles(canvas: Canvas): string {
  const { width, height, size, palette, random } = canvas;
  const cell = size / random.int(5, 7);
  const [columns, rows] = [Math.ceil(width / cell), Math.ceil(height / cell)];
  const [left, top] = [(width - columns * cell) / 2, (height - rows * cell) / 2];
  const colour = () => random.pick(palette);
  const shapes: ((c: string) => string)[] = [
    (c) => `<path d="M0 0H1A1 1 0 0 1 0 1Z" fill="${c}"/>`,
    (c) =>
      `<path d="M0 0A.5.5 0 0 0 1 0Z" fill="${c}"/><path d="M0 .5A.5.5 0 0 0 1 .5Z" fill="${c}" fill-opacity=".7"/>`,
    (c) => `<circle cx=".5" cy=".5" r=".5" fill="${c}"/><circle cx=".5" cy=".5" r=".24" fill="${colour()}"/>`,
    (c) => `<path d="M0 0L1 1H0Z" fill="${c}"/>`,
    (c) => `<path d="M0 0A1 1 0 0 1 1 1H.66A.66.66 0 0 0 0 .34ZM0 .62A.38.38 0 0 1 .38 1H0Z" fill="${c}"/>`,
    (c) => [0, 1, 2, 3].map((i) => `<rect y="${i / 4 + 0.04}" width="1" height=".13" fill="${c}"/>`).join(''),
    (c) => `<path d="M.5 0A.5.5 0 0 1 1 .5H.5V1A.5.5 0 0 1 0 .5H.5Z" fill="${c}"/>`,
  ];
  const pick = () => random.pick(shapes as [(c: string) => string, ...((c: string) => string)[]]);
  let tiles = '';
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const [back, front] = [colour(), colour()];
      const place = `translate(${(left + column * cell).toFixed(1)} ${(top + row * cell).toFixed(1)}) scale(${cell.toFixed(2)})`;
      const shape = back === front ? '' : pick()(front);
      tiles += `<g transform="${place}"><rect width="1.01" height="1.01" fill="${back}"/><g transform="rotate(${random.int(0, 3) * 90} .5 .5)">${shape}</g></g>`;
    }
  }
  return ground(canvas, palette[4], palette[3]) + tiles;
}

/** Short strokes of a broad brush along a swirling current. */
function drawBrush(canvas: Canvas): string {
  const { width, height, size, palette, random } = canvas;
  const [a, b, c] = [random.between(1.2, 2.6), random.between(1.2, 2.6), random.between(0, 7)];
  const [hubX, hubY] = [random.between(0.25, 0.75), random.between(0.2, 0.55)];
  const angleAt = (x: number, y: number) => {
    const swirl = Math.atan2(y - hubY, x - hubX) + Math.PI / 2;
    const near = Math.exp(-(((x - hubX) ** 2 + (y - hubY) ** 2) * 7));
    return Math.sin(a * x * 3 + c) + Math.cos(b * y * 3 - c) * 0.9 + swirl * near * 2.2;
  };
  let strokes = '';
  for (let i = 0; i < 1100; i += 1) {
    const layer = i / 1100;
    let [x, y] = [random.between(-0.03, 1.03), random.between(-0.03, 1.03)];
    const distance = Math.hypot(x - hubX, y - hubY);
    const tone = Math.min(Math.max(distance * 1.5 + random.between(-0.22, 0.22), 0), 0.999) * 4;
    const low = Math.floor(tone);
    const colour = mix(palette[(4 - low) as 1 | 2 | 3 | 4], palette[(3 - low) as 0 | 1 | 2 | 3], tone - low);
    let path = `M${(x * width).toFixed(0)} ${(y * height).toFixed(0)}`;
    for (let step = 0; step < 4; step += 1) {
      const angle = angleAt(x, y);
      x += Math.cos(angle) * 0.022;
      y += Math.sin(angle) * 0.022;
      path += `L${(x * width).toFixed(0)} ${(y * height).toFixed(0)}`;
    }
    const thick = size * (0.03 - 0.022 * layer) * random.between(0.6, 1.3);
    const tint = mix(colour, random.chance(0.5) ? '#ffffff' : '#000000', random.next() * 0.12);
    strokes += `<path d="${path}" stroke="${tint}" stroke-width="${thick.toFixed(1)}" stroke-opacity="${(0.7 + 0.25 * layer).toFixed(2)}"/>`;
  }
  return `${ground(canvas, palette[2], palette[1])}<g fill="none" stroke-linecap="round" stroke-linejoin="round">${strokes}</g>`;
}

/** Flowers of translucent petals, large behind small. */
function drawBlooms(canvas: Canvas): string {
  const { width, height, size, palette, random } = canvas;
  const dark = random.chance(0.5);
  const back = dark ? ground(canvas, palette[0], palette[1]) : ground(canvas, palette[4], palette[3]);
  const stems: string[] = [];
  const flowers = Array.from({ length: 13 }, (_, i) => {
    const r = size * (0.24 - i * 0.0135) * random.between(0.8, 1.15);
    const [x, y] = [width * random.between(0.04, 0.96), height * random.between(0.06, 0.78)];
    stems.push(
      `<path d="M${x} ${y}Q${x + size * random.between(-0.12, 0.12)} ${(y + height) / 2} ${width * random.between(0.3, 0.7)} ${height * 1.05}"/>`,
    );
    const petals = random.int(6, 12);
    const shade = random.pick(
      dark ? ([palette[2], palette[3], palette[4]] as const) : ([palette[1], palette[2], palette[3]] as const),
    );
    const rings = [1, 0.66].map((k, ring) =>
      Array.from({ length: petals }, (_, p) => {
        const turn = (360 / petals) * (p + ring / 2) + random.between(-4, 4);
        const w = ((r * k * Math.PI) / petals) * 0.95;
        return `<path transform="rotate(${turn.toFixed(1)})" d="M0 0C${(-w).toFixed(1)} ${(-r * k * 0.5).toFixed(1)} ${(-w * 0.8).toFixed(1)} ${(-r * k).toFixed(1)} 0 ${(-r * k).toFixed(1)}C${(w * 0.8).toFixed(1)} ${(-r * k).toFixed(1)} ${w.toFixed(1)} ${(-r * k * 0.5).toFixed(1)} 0 0Z" fill="${mix(shade, palette[4], ring * 0.4)}" fill-opacity=".62"/>`;
      }).join(''),
    );
    return `<g transform="translate(${x.toFixed(0)} ${y.toFixed(0)})">${rings.join('')}<circle r="${(r * 0.16).toFixed(1)}" fill="${dark ? palette[4] : palette[3]}"/></g>`;
  });
  const stem = `fill="none" stroke="${dark ? palette[2] : palette[1]}" stroke-width="${size * 0.004}" opacity=".45"`;
  return `${back}<g ${stem}>${stems.join('')}</g>${flowers.join('')}`;
}
