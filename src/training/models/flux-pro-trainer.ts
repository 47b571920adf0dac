/** Trains styles as a finetune that stays at fal. Ranges and defaults: https://fal.ai/models/fal-ai/flux-pro-trainer/api */
import { boolean, choice, float, integer, integerOf, text } from '../../fal/fields.ts';
import { defineTrainer } from '../../fal/model.ts';

export const fluxProTrainer = defineTrainer({
  endpoint: 'fal-ai/flux-pro-trainer',
  name: 'fluxProTrainer',
  purpose: 'trains styles',
  usedFor: 'Styles.',
  avatarKinds: ['STYLE'],
  artefact: 'FINETUNE',
  archiveField: 'data_url',
  price: { per: 'TRAINING', credits: 150, usd: 1.5 },
  // Its page says "This model is no longer supported".
  isDeprecated: true,
  stepsField: 'iterations',
  fields: {
    mode: choice({
      fal: 'mode',
      choices: {
        name: 'TrainingMode',
        description: 'What a style’s trainer learns.',
        values: {
          character: 'One person or figure.',
          product: 'One thing.',
          style: 'The way that the pictures are made.',
          general: 'Whatever the pictures have in common.',
        },
      },
      default: 'character',
      description: 'What is learned.',
    }),
    // fal publishes no range; 100 to 1000 is Black Forest Labs' own for the same trainer.
    iterations: integer({
      fal: 'iterations',
      min: 100,
      max: 1000,
      default: 300,
      description: 'The number of training rounds. With more rounds it learns the style more closely and takes longer.',
    }),
    priority: choice({
      fal: 'priority',
      choices: {
        name: 'TrainingPriority',
        description: 'What a style’s trainer optimises for.',
        values: {
          speed: 'A short training.',
          quality: 'Good pictures.',
          high_res_only: 'Good pictures in high resolutions only.',
        },
      },
      default: 'quality',
      description: 'What the trainer optimises for.',
    }),
    captioning: boolean({
      fal: 'captioning',
      default: true,
      description: 'Whether fal writes captions for the photos before it trains.',
    }),
    loraRank: integerOf({
      fal: 'lora_rank',
      values: [16, 32],
      default: 32,
      description: 'The capacity of the trained model.',
    }),
    finetuneType: choice({
      fal: 'finetune_type',
      choices: {
        name: 'FinetuneType',
        description: 'How much of the model is trained.',
        values: { full: 'The whole model.', lora: 'A small addition to it: faster, and a little less close.' },
      },
      default: 'full',
      description: 'Whether the whole model is trained, or a small addition to it.',
    }),
    learningRate: float({
      fal: 'learning_rate',
      min: 0.000_001,
      max: 0.005,
      default: 0.000_01,
      description: 'The size of each step. A higher rate learns faster and less precisely.',
    }),
    comment: text({
      fal: 'finetune_comment',
      from: 'name',
      min: 1,
      max: 200,
      description: 'The name of the finetune at fal.',
    }),
  },
  readOnlyFields: {
    triggerWord: text({
      fal: 'trigger_word',
      from: 'trigger',
      default: 'TOK',
      description: 'The word that stands for the style in prompts.',
    }),
  },
  presets: {
    FAST: {
      mode: 'style',
      iterations: 150,
      finetuneType: 'lora',
      loraRank: 16,
      learningRate: 0.0001,
      priority: 'speed',
    },
    BALANCED: {
      mode: 'style',
      iterations: 300,
      finetuneType: 'full',
      loraRank: 32,
      learningRate: 0.000_01,
      priority: 'quality',
    },
    QUALITY: {
      mode: 'style',
      iterations: 600,
      finetuneType: 'full',
      loraRank: 32,
      learningRate: 0.000_01,
      priority: 'quality',
    },
  },
});
