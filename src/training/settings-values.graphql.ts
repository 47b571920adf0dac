/** GraphQL: what a setting may be, where it is not a number. */
import { builder } from '../graphql/builder.ts';

export const TrainingMode = builder.enumType('TrainingMode', {
  description: 'What a style’s trainer learns.',
  values: {
    CHARACTER: { value: 'character', description: 'One person or figure.' },
    PRODUCT: { value: 'product', description: 'One thing.' },
    STYLE: { value: 'style', description: 'The way that the pictures are made.' },
    GENERAL: { value: 'general', description: 'Whatever the pictures have in common.' },
  } as const,
});

export const TrainingPriority = builder.enumType('TrainingPriority', {
  description: 'What a style’s trainer cares for most.',
  values: {
    SPEED: { value: 'speed', description: 'To be done soon.' },
    QUALITY: { value: 'quality', description: 'To be good.' },
    HIGH_RES_ONLY: { value: 'high_res_only', description: 'To be good in large pictures, and only there.' },
  } as const,
});

export const FinetuneType = builder.enumType('FinetuneType', {
  description: 'How much of the model is trained.',
  values: {
    FULL: { value: 'full', description: 'The whole model.' },
    LORA: { value: 'lora', description: 'A small addition to it: sooner, and a little less close.' },
  } as const,
});
