/** Trains portraits as LoRA weights. Ranges and defaults: https://fal.ai/models/fal-ai/flux-lora-portrait-trainer/api */
import { boolean, float, integer, text } from '../../fal/fields.ts';
import { defineTrainer } from '../../fal/model.ts';

export const fluxLoraPortraitTrainer = defineTrainer({
  endpoint: 'fal-ai/flux-lora-portrait-trainer',
  name: 'fluxLoraPortraitTrainer',
  purpose: 'trains portraits',
  usedFor: 'Portraits.',
  avatarKinds: ['PORTRAIT'],
  artefact: 'LORA',
  archiveField: 'images_data_url',
  price: { per: 'TRAINING', credits: 150, usd: 1.5 },
  isDeprecated: false,
  stepsField: 'steps',
  fields: {
    steps: integer({
      fal: 'steps',
      min: 1,
      max: 10_000,
      default: 2500,
      description: 'The number of training steps. With more steps it learns the face more closely and takes longer.',
    }),
    learningRate: float({
      fal: 'learning_rate',
      min: 0.000_001,
      max: 0.001,
      default: 0.000_09,
      description: 'The size of each step. A higher rate learns faster and less precisely.',
    }),
    multiresolutionTraining: boolean({
      fal: 'multiresolution_training',
      default: true,
      description: 'Whether it learns from the photos in several sizes.',
    }),
    subjectCrop: boolean({
      fal: 'subject_crop',
      default: true,
      description: 'Whether fal crops the photos to the person first.',
    }),
    createMasks: boolean({
      fal: 'create_masks',
      default: false,
      description: 'Whether fal masks the background, so that only the person is learned.',
    }),
  },
  readOnlyFields: {
    triggerPhrase: text({
      fal: 'trigger_phrase',
      from: 'trigger',
      isOptional: true,
      description: 'The words that stand for the person in prompts.',
    }),
  },
  presets: {
    FAST: { steps: 1000, learningRate: 0.0002, createMasks: false },
    BALANCED: { steps: 2500, learningRate: 0.000_09, createMasks: true },
    QUALITY: { steps: 4000, learningRate: 0.000_05, createMasks: true },
  },
});
