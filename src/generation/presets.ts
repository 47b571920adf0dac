/** The presets by their names. The numbers of each stand with every model that draws with it. */
import type { GenerationPreset } from '../../prisma/generated/client/client.ts';

/** In the order of the API's enum. */
export const presetDescriptions: Record<GenerationPreset, string> = {
  FAST: 'A quick look: few steps, a small square.',
  BALANCED: 'Good pictures in fair time.',
  QUALITY: 'The most steps, and the avatar strongly in the picture.',
  ULTRA: 'The largest picture, of a style only: one JPEG of about four megapixels.',
  PORTRAIT: 'Upright, 3:4: a person from the waist up.',
  LANDSCAPE: 'Wide, 4:3: a scene with room around the subject.',
  ARTISTIC: 'The avatar as strong as it goes, and more freedom in what is shown.',
  PHOTOREALISTIC: 'Closer to a photograph: many steps, and the avatar a little weaker.',
};

export const presetNames = Object.keys(presetDescriptions) as GenerationPreset[];
