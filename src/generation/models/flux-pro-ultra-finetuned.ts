/** The largest pictures of styles, drawn with a finetune. Ranges and defaults: https://fal.ai/models/fal-ai/flux-pro/v1.1-ultra-finetuned/api */
import { boolean, choice, float, integerString, optionalFloat, pictureUrl } from '../../fal/fields.ts';
import { defineDrawingModel } from '../../fal/model.ts';

export const fluxProUltraFinetuned = defineDrawingModel({
  endpoint: 'fal-ai/flux-pro/v1.1-ultra-finetuned',
  name: 'fluxProUltraFinetuned',
  purpose: 'draws the largest pictures of styles',
  usedFor: 'Styles, with ULTRA or no preset.',
  avatarKinds: ['STYLE'],
  artefact: 'FINETUNE',
  // Half as much again as the other models, for its resolution.
  price: { per: 'IMAGE', credits: 7.5, usd: 0.075 },
  isDeprecated: false,
  stepsField: undefined,
  fields: {
    finetuneStrength: float({
      fal: 'finetune_strength',
      min: 0,
      max: 2,
      description:
        'How strongly the finetune shapes the picture. fal advises 0.8 to 1.2 for portraits, 1.0 to 1.5 for styles, 0.6 to 1.0 for objects and 1.2 to 2.0 for concepts.',
      advice: { min: 1, max: 1.5, below: 'the avatar may hardly show', above: 'the picture may be overdrawn' },
    }),
    aspectRatio: choice({
      fal: 'aspect_ratio',
      choices: {
        name: 'AspectRatio',
        description: 'Width to height of an ultra picture.',
        values: {
          '21:9': '21:9.',
          '16:9': '16:9.',
          '4:3': '4:3.',
          '3:2': '3:2.',
          '1:1': '1:1.',
          '2:3': '2:3.',
          '3:4': '3:4.',
          '9:16': '9:16.',
          '9:21': '9:21.',
        },
        prefix: 'RATIO_',
      },
      default: '16:9',
      description: 'Width to height of the picture.',
    }),
    safetyTolerance: integerString({
      fal: 'safety_tolerance',
      min: 1,
      max: 6,
      default: 2,
      description: 'How much fal’s safety checker lets pass, from 1 (strict) to 6 (permissive).',
    }),
    raw: boolean({ fal: 'raw', default: false, description: 'Less processed, more natural pictures.' }),
    enhancePrompt: boolean({
      fal: 'enhance_prompt',
      default: false,
      description: 'Whether fal may add to the prompt.',
    }),
    referenceImageUrl: pictureUrl({
      fal: 'image_url',
      description: 'A picture to draw after, which fal reads from this URL.',
    }),
    referenceImageStrength: optionalFloat({
      fal: 'image_prompt_strength',
      min: 0,
      max: 1,
      description: 'How closely the picture follows the reference image.',
    }),
  },
  readOnlyFields: {
    enableSafetyChecker: boolean({
      fal: 'enable_safety_checker',
      default: true,
      description: 'Whether fal checks the pictures and flags unsafe ones.',
    }),
  },
  defaultPreset: 'ULTRA',
  presets: {
    ULTRA: {
      settings: { finetuneStrength: 1.1, aspectRatio: '1:1' },
      typicalSeconds: { min: 60, max: 90 },
      only: {
        numImages: { value: 1, message: 'ULTRA draws one picture.' },
        outputFormat: { value: 'jpeg', message: 'ULTRA draws a JPEG.' },
      },
    },
  },
});
