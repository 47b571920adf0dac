/** The presets: numbers that go together, the same on every server. */
import type { TrainingPreset } from '../../prisma/generated/client/client.ts';

/** In the order of the API's enum. */
export const presetNames: readonly TrainingPreset[] = ['FAST', 'BALANCED', 'QUALITY'];

export const presetDescriptions: Record<TrainingPreset, string> = {
  FAST: 'A first likeness, soon: few steps, learned in big strides.',
  BALANCED: 'A good likeness in fair time.',
  QUALITY: 'The closest likeness: the most steps, learned in small strides.',
};

export const portraitPresets = {
  FAST: { steps: 1000, learningRate: 0.0002, createMasks: false },
  BALANCED: { steps: 2500, learningRate: 0.000_09, createMasks: true },
  QUALITY: { steps: 4000, learningRate: 0.000_05, createMasks: true },
} as const satisfies Record<TrainingPreset, object>;

export const stylePresets = {
  FAST: { iterations: 150, finetuneType: 'lora', loraRank: 16, learningRate: 0.0001, priority: 'speed' },
  BALANCED: { iterations: 300, finetuneType: 'full', loraRank: 32, learningRate: 0.000_01, priority: 'quality' },
  QUALITY: { iterations: 600, finetuneType: 'full', loraRank: 32, learningRate: 0.000_01, priority: 'quality' },
} as const satisfies Record<TrainingPreset, object>;
