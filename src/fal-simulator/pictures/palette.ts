/** Colours as CSS writes them: a palette for each picture. */
import type { Random } from '../random.ts';

/** Five colours that go together, darkest first. */
export type Palette = readonly [deep: string, dark: string, middle: string, light: string, pale: string];

/** Hue in degrees; saturation and lightness in percent. */
export const hsl = (hue: number, saturation: number, lightness: number): string =>
  `hsl(${((hue % 360) + 360) % 360}, ${saturation}%, ${lightness}%)`;

/** Hues that stay pleasant over large areas. */
const hues = [8, 28, 165, 190, 208, 226, 262, 318, 342] as const;

/** Takes the hue of the strongest training colour (`#rrggbb`), or one of ours where all of them are grey. */
export function paletteOf(colours: readonly string[], random: Random): Palette {
  const [strongest] = colours.map(toHsl).sort((a, b) => b.saturation - a.saturation);
  const hue =
    strongest === undefined || strongest.saturation < 12 ? random.pick(hues) : strongest.hue + random.between(-14, 14);
  const saturation = random.between(34, 56);
  const accent = hue + random.pick([-35, 25, 170, 190]);
  return [
    hsl(hue, saturation * 0.8, 15),
    hsl(hue + 8, saturation, 31),
    hsl(hue + 16, saturation, 51),
    hsl(accent, saturation, 70),
    hsl(accent, 55, 91),
  ];
}

function toHsl(hex: string): { hue: number; saturation: number } {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255);
  const [max, min] = [Math.max(red, green, blue), Math.min(red, green, blue)];
  const spread = max - min;
  if (spread === 0) return { hue: 0, saturation: 0 };
  const sector =
    max === red ? (green - blue) / spread : max === green ? (blue - red) / spread + 2 : (red - green) / spread + 4;
  return { hue: sector * 60, saturation: (100 * spread) / (1 - Math.abs(max + min - 1)) };
}
