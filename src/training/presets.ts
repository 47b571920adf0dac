/** The presets by their names. The numbers of each stand with every trainer. */
import type { TrainingPreset } from '../../prisma/generated/client/client.ts';

/** In the order of the API's enum. */
export const presetDescriptions: Record<TrainingPreset, string> = {
  FAST: 'A first likeness, soon: few steps at a high learning rate.',
  BALANCED: 'A good likeness in fair time.',
  QUALITY: 'The closest likeness: the most steps, at a low learning rate.',
};

export const presetNames = Object.keys(presetDescriptions) as TrainingPreset[];
