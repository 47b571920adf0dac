/** The names of the presets. Each model’s file has the numbers of the presets that it supports. */
import type { GenerationPreset } from '../../prisma/generated/client/client.ts';

/** In the order of the API's enum. */
export const presetDescriptions: Record<GenerationPreset, string> = {
  FAST: 'A quick look: few steps, a small square.',
  BALANCED: 'Good pictures in moderate time.',
  QUALITY: 'The most steps, with a strong likeness.',
  ULTRA: 'One JPEG of about four megapixels, the largest picture. For styles only.',
  PORTRAIT: 'Upright, 3:4, for a person from the waist up.',
  LANDSCAPE: 'Wide, 4:3, for a scene with room around the subject.',
  ARTISTIC: 'The strongest likeness. For styles, a more permissive safety checker.',
  PHOTOREALISTIC: 'Like a photograph: many steps, with a slightly weaker likeness.',
};

export const presetNames = Object.keys(presetDescriptions) as GenerationPreset[];
