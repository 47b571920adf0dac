/** Five colours that go together, darkest first. */
import { hsl, mix, toHsl } from '../colours.ts';
import type { Random } from '../random.ts';

export type Palette = readonly [deep: string, dark: string, middle: string, light: string, pale: string];

const palettes: readonly [Palette, ...Palette[]] = [
  ['#2b1b4d', '#6a2c70', '#c8456b', '#f39a6b', '#fbe3a8'],
  ['#0b2545', '#1a4470', '#3e7cb1', '#8fb8d8', '#e6eef5'],
  ['#3d2c2e', '#8c4a3c', '#d08c60', '#e8c7a0', '#f7efe2'],
  ['#132a1c', '#2f5a3a', '#5d8a4c', '#a8bf72', '#eef2c4'],
  ['#05384e', '#14768c', '#3fb8b0', '#a3e0d4', '#f4f6dc'],
  ['#3f1a3c', '#893168', '#d9598c', '#f4a6b7', '#fde8e4'],
  ['#0d1528', '#24385a', '#4a6c8c', '#93a9c2', '#f0ebd8'],
  ['#1d3540', '#2a8078', '#e0a84e', '#f2b97c', '#fae6cf'],
  ['#231942', '#5e548e', '#9f86c0', '#cfa9d4', '#f5e0ee'],
  ['#3a1f0b', '#9c4f24', '#e09f3e', '#f6cf86', '#fff4cf'],
  ['#1b1b3a', '#693668', '#c14a86', '#ff8a80', '#ffd8c2'],
  ['#2b3f36', '#587a5c', '#9fb18d', '#d6d6c4', '#f5eee2'],
];

export function pickPalette(random: Random): Palette {
  const palette = random.pick(palettes);
  return random.chance(0.5) ? palette : turned(palette, random.between(-18, 18));
}

/** A palette from what a style was trained on, moved a little; one of ours where it saw no colour worth keeping. */
export function paletteOf(colours: readonly string[], random: Random): Palette {
  const seen = colours.map(toHsl).sort((a, b) => b.saturation - a.saturation);
  const [first, second] = seen;
  if (first === undefined || first.saturation < 0.12) return pickPalette(random);
  const saturation = Math.min(Math.max(first.saturation, 0.42), 0.72);
  const other = second !== undefined && second.saturation > 0.2 ? second.hue : first.hue + 40;
  const turn = random.between(-14, 14);
  return [
    hsl(first.hue + turn, saturation * 0.8, 0.15),
    hsl(first.hue + turn + 8, saturation, 0.33),
    hsl(first.hue + turn + 16, saturation, 0.52),
    mix(hsl(other + turn, saturation, 0.66), hsl(first.hue, saturation, 0.7), 0.25),
    hsl(other + turn, 0.5, 0.9),
  ];
}

function turned(palette: Palette, degrees: number): Palette {
  const turn = (hex: string) => {
    const { hue, saturation, lightness } = toHsl(hex);
    return hsl(hue + degrees, saturation, lightness);
  };
  return [turn(palette[0]), turn(palette[1]), turn(palette[2]), turn(palette[3]), turn(palette[4])];
}
