/** GraphQL: the settings that a caller may give; what is left out comes from the preset. */
import { builder } from '../graphql/builder.ts';
import { descriptions } from './settings/descriptions.ts';
import { rangeOf } from './settings/names.ts';
import { FinetuneType, TrainingMode, TrainingPriority } from './settings-values.graphql.ts';

const FluxLoraPortraitTrainerInput = builder.inputType('FluxLoraPortraitTrainerInput', {
  description: 'Settings of fal-ai/flux-lora-portrait-trainer, which trains portraits.',
  fields: (t) => ({
    steps: t.int({ description: `${descriptions.steps} Takes ${rangeOf('fluxLoraPortraitTrainer', 'steps')}.` }),
    learningRate: t.float({
      description: `${descriptions.learningRate} Takes ${rangeOf('fluxLoraPortraitTrainer', 'learningRate')}.`,
    }),
    multiresolutionTraining: t.boolean({ description: descriptions.multiresolutionTraining }),
    subjectCrop: t.boolean({ description: descriptions.subjectCrop }),
    createMasks: t.boolean({ description: descriptions.createMasks }),
  }),
});

const FluxProTrainerInput = builder.inputType('FluxProTrainerInput', {
  description: 'Settings of fal-ai/flux-pro-trainer, which trains styles.',
  fields: (t) => ({
    mode: t.field({ type: TrainingMode, description: descriptions.mode }),
    iterations: t.int({ description: `${descriptions.iterations} Takes ${rangeOf('fluxProTrainer', 'iterations')}.` }),
    learningRate: t.float({
      description: `${descriptions.learningRate} Takes ${rangeOf('fluxProTrainer', 'learningRate')}.`,
    }),
    priority: t.field({ type: TrainingPriority, description: descriptions.priority }),
    captioning: t.boolean({ description: descriptions.captioning }),
    loraRank: t.int({ description: `${descriptions.loraRank} Takes ${rangeOf('fluxProTrainer', 'loraRank')}.` }),
    finetuneType: t.field({ type: FinetuneType, description: descriptions.finetuneType }),
    comment: t.string({ description: `${descriptions.comment} 1 to 200 characters. Default: the avatar’s name.` }),
  }),
});

export const TrainingSettingsInput = builder.inputType('TrainingSettingsInput', {
  description: 'The settings of one trainer, which must be the one that the avatar’s kind is trained by.',
  isOneOf: true,
  fields: (t) => ({
    fluxLoraPortraitTrainer: t.field({ type: FluxLoraPortraitTrainerInput, description: 'Portraits.' }),
    fluxProTrainer: t.field({ type: FluxProTrainerInput, description: 'Styles.' }),
  }),
});
