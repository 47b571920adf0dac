/** GraphQL: what an avatar was trained with. */
import { builder } from '../graphql/builder.ts';
import { descriptions } from './settings/descriptions.ts';
import type {
  FluxLoraPortraitTrainerSettings as FluxLoraPortraitTrainer,
  FluxProTrainerSettings as FluxProTrainer,
  Trainer,
} from './settings/settings.ts';
import { FinetuneType, TrainingMode, TrainingPriority } from './settings-values.graphql.ts';

const FluxLoraPortraitTrainerSettings = builder
  .objectRef<FluxLoraPortraitTrainer>('FluxLoraPortraitTrainerSettings')
  .implement({
    description: 'What fal-ai/flux-lora-portrait-trainer was sent, which trains portraits.',
    fields: (t) => ({
      steps: t.exposeInt('steps', { description: descriptions.steps }),
      learningRate: t.exposeFloat('learningRate', { description: descriptions.learningRate }),
      multiresolutionTraining: t.exposeBoolean('multiresolutionTraining', {
        description: descriptions.multiresolutionTraining,
      }),
      subjectCrop: t.exposeBoolean('subjectCrop', { description: descriptions.subjectCrop }),
      createMasks: t.exposeBoolean('createMasks', { description: descriptions.createMasks }),
      triggerPhrase: t.exposeString('triggerPhrase', { nullable: true, description: descriptions.triggerPhrase }),
    }),
  });

const FluxProTrainerSettings = builder.objectRef<FluxProTrainer>('FluxProTrainerSettings').implement({
  description: 'What fal-ai/flux-pro-trainer was sent, which trains styles.',
  fields: (t) => ({
    mode: t.expose('mode', { type: TrainingMode, description: descriptions.mode }),
    iterations: t.exposeInt('iterations', { description: descriptions.iterations }),
    learningRate: t.exposeFloat('learningRate', { description: descriptions.learningRate }),
    priority: t.expose('priority', { type: TrainingPriority, description: descriptions.priority }),
    captioning: t.exposeBoolean('captioning', { description: descriptions.captioning }),
    loraRank: t.exposeInt('loraRank', { description: descriptions.loraRank }),
    finetuneType: t.expose('finetuneType', { type: FinetuneType, description: descriptions.finetuneType }),
    triggerWord: t.exposeString('triggerWord', { nullable: true, description: descriptions.triggerWord }),
    comment: t.exposeString('comment', {
      nullable: true,
      description: `${descriptions.comment} Null in a preset: the avatar’s name.`,
    }),
  }),
});

const typeNames: Record<Trainer, string> = {
  fluxLoraPortraitTrainer: 'FluxLoraPortraitTrainerSettings',
  fluxProTrainer: 'FluxProTrainerSettings',
};

export const TrainingSettings = builder.unionType('TrainingSettings', {
  description: 'Exactly what fal was sent beside the photos, defaults filled in.',
  types: [FluxLoraPortraitTrainerSettings, FluxProTrainerSettings],
  resolveType: ({ trainer }) => typeNames[trainer],
});
