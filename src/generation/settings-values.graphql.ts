/** GraphQL: what a setting may be, where it is not a number. */

import { aspectRatios, imageSizes } from '../fal/endpoints.ts';
import { builder } from '../graphql/builder.ts';
import type { ImageSizeName, AspectRatio as Ratio } from './presets.ts';

export const OutputFormat = builder.enumType('OutputFormat', {
  description: 'The file format that fal draws.',
  values: {
    JPEG: { value: 'jpeg', description: 'Small.' },
    PNG: { value: 'png', description: 'Lossless, and several times as large.' },
  } as const,
});

export const Acceleration = builder.enumType('Acceleration', {
  description: 'Whether fal may trade a little quality for speed.',
  values: {
    NONE: { value: 'none', description: 'Full quality.' },
    REGULAR: { value: 'regular', description: 'Faster, with a small loss.' },
  } as const,
});

const sizeNames = Object.keys(imageSizes) as ImageSizeName[];
const pixels = ({ width, height }: { width: number; height: number }) => `${width} × ${height} pixels.`;

export const ImageSizePreset = builder.enumType('ImageSizePreset', {
  description: 'fal’s named sizes.',
  values: Object.fromEntries(
    sizeNames.map((name) => [name.toUpperCase(), { value: name, description: pixels(imageSizes[name]) }]),
  ) as Record<Uppercase<ImageSizeName>, { value: ImageSizeName; description: string }>,
});

const ratioName = (ratio: Ratio) => `RATIO_${ratio.replace(':', '_')}`;

export const AspectRatio = builder.enumType('AspectRatio', {
  description: 'Width to height of an ultra picture.',
  values: Object.fromEntries(
    aspectRatios.map((ratio) => [ratioName(ratio), { value: ratio, description: `${ratio}.` }]),
  ),
});
