/** A size and format of a picture, as arguments of the API and as parameters of a URL. */
import { z } from 'zod';
import { parseInput } from '../refusal/invalid-input.ts';

export type ImageFormat = 'JPEG' | 'PNG' | 'WEBP' | 'AVIF';

export type Rendition = { width?: number | undefined; format: ImageFormat; quality?: number | undefined };

export const contentTypes = { JPEG: 'image/jpeg', PNG: 'image/png', WEBP: 'image/webp', AVIF: 'image/avif' } as const;

const whole = (minimum: number, maximum: number) =>
  z
    .int(`must be a whole number from ${minimum} to ${maximum}`)
    .min(minimum, `must be at least ${minimum}`)
    .max(maximum, `must be at most ${maximum}`)
    .nullish();

const renditionInput = z.strictObject({
  width: whole(16, 4096),
  format: z.enum(['JPEG', 'PNG', 'WEBP', 'AVIF']).nullish(),
  quality: whole(1, 100),
});

/** Turns the API's arguments into URL parameters; no parameters mean the original. Throws InvalidInputError. */
export function renditionParameters(input: z.input<typeof renditionInput>): Record<string, string> {
  if (Object.keys(input).length === 0) return {};
  const entries = Object.entries(parseInput(renditionInput, input)).filter(
    ([, value]) => value !== null && value !== undefined,
  );
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

/** Reads a URL's parameters; undefined means the original. Without a format the picture keeps its own. Throws InvalidInputError. */
export function parseRendition(parameters: Record<string, string>, contentType: string): Rendition | undefined {
  const { width, format, quality } = parseInput(
    renditionInput,
    Object.fromEntries(
      Object.entries(parameters).map(([name, value]) => [name, /^\d{1,9}$/.test(value) ? Number(value) : value]),
    ),
  );
  if (!width && !format && !quality) return undefined;
  return { width: width ?? undefined, format: format ?? formatOf(contentType), quality: quality ?? undefined };
}

function formatOf(contentType: string): ImageFormat {
  if (contentType === contentTypes.PNG) return 'PNG';
  return contentType === contentTypes.WEBP ? 'WEBP' : 'JPEG';
}
