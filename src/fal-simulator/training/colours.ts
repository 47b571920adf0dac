/** The main colours of images. */
export type Pixel = readonly [red: number, green: number, blue: number];

/** The five main colours as `#rrggbb`, the most frequent first. Saturated pixels count more than grey ones. */
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
    .map(({ sum, count }) => `#${sum.map((value) => hex(value / count)).join('')}`);
}

const hex = (value: number) => Math.round(value).toString(16).padStart(2, '0');
