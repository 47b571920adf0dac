/** The names of the presets. Each trainer’s file has their numbers. */
import type { TrainingPreset } from '../../prisma/generated/client/client.ts';

/** In the order of the API's enum. */
export const presetDescriptions: Record<TrainingPreset, string> = {
  FAST: 'A quick first result: few steps at a high learning rate.',
  BALANCED: 'A good likeness in moderate time.',
  QUALITY: 'The closest likeness: the most steps, at a low learning rate.',
};

export const presetNames = Object.keys(presetDescriptions) as TrainingPreset[];
