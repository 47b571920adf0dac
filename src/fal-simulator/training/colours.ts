/** Colours as numbers: reading them from pixels, and mixing them. */
export type Pixel = readonly [red: number, green: number, blue: number];

/** The five most telling colours of some pixels, hex, most frequent first: strong ones count for more than grey. */
export function mainColours(pixels: readonly Pixel[]): string[] {
  const groups = new Map<number, { weight: number; count: number; sum: [number, number, number] }>();
  for (const [r, g, b] of pixels) {
    const key = (r >> 6) * 16 + (g >> 6) * 4 + (b >> 6);
    const group = groups.get(key) ?? { weight: 0, count: 0, sum: [0, 0, 0] };
    group.weight += 0.3 + (Math.max(r, g, b) - Math.min(r, g, b)) / 255;
    group.count += 1;
    group.sum = [group.sum[0] + r, group.sum[1] + g, group.sum[2] + b];
    groups.set(key, group);
  }
  return [...groups.values()]
    .sort((a, b) => b.weight - a.weight)
    .slice(0, 5)
    .map(({ sum, count }) => toHex([sum[0] / count, sum[1] / count, sum[2] / count]));
}

export function toHex(pixel: Pixel): string {
  return `#${pixel.map((value) => Math.round(value).toString(16).padStart(2, '0')).join('')}`;
}

export function toPixel(hex: string): Pixel {
  const value = Number.parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** From the first colour (0) to the second (1). */
export function mix(from: string, to: string, share: number): string {
  const [a, b] = [toPixel(from), toPixel(to)];
  const at = (i: 0 | 1 | 2) => a[i] + (b[i] - a[i]) * share;
  return toHex([at(0), at(1), at(2)]);
}

/** Hue in degrees, the other two from 0 to 1. */
export function hsl(hue: number, saturation: number, lightness: number): string {
  const amount = saturation * Math.min(lightness, 1 - lightness);
  const channel = (n: number) => {
    const k = (n + (((hue % 360) + 360) % 360) / 30) % 12;
    return 255 * (lightness - amount * Math.max(-1, Math.min(k - 3, 9 - k, 1)));
  };
  return toHex([channel(0), channel(8), channel(4)]);
}

/** Hue in degrees, saturation and lightness from 0 to 1. */
export function toHsl(hex: string): { hue: number; saturation: number; lightness: number } {
  const [r, g, b] = toPixel(hex).map((value) => value / 255) as [number, number, number];
  const [max, min] = [Math.max(r, g, b), Math.min(r, g, b)];
  const lightness = (max + min) / 2;
  const spread = max - min;
  if (spread === 0) return { hue: 0, saturation: 0, lightness };
  const saturation = spread / (1 - Math.abs(2 * lightness - 1));
  const sector = max === r ? ((g - b) / spread + 6) % 6 : max === g ? (b - r) / spread + 2 : (r - g) / spread + 4;
  return { hue: sector * 60, saturation, lightness };
}
