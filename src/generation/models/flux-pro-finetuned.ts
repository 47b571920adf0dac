/** Styles, drawn in steps with a finetune. Ranges and defaults: https://fal.ai/models/fal-ai/flux-pro/finetuned/api */
import { float, imageSize, integer, integerString } from '../../fal/fields.ts';
import { defineDrawingModel } from '../../fal/model.ts';

export const fluxProFinetuned = defineDrawingModel({
  endpoint: 'fal-ai/flux-pro/finetuned',
  name: 'fluxProFinetuned',
  purpose: 'draws styles in steps',
  usedFor: 'Styles, with any preset but ULTRA.',
  avatarKinds: ['STYLE'],
  artefact: 'FINETUNE',
  price: { per: 'IMAGE', credits: 5, usd: 0.05 },
  isDeprecated: false,
  stepsField: 'numInferenceSteps',
  fields: {
    finetuneStrength: float({
      fal: 'finetune_strength',
      min: 0,
      max: 2,
      description:
        'How strongly the finetune shapes the picture. fal advises 0.8 to 1.2 for portraits, 1.0 to 1.5 for styles, 0.6 to 1.0 for objects and 1.2 to 2.0 for concepts.',
      advice: { min: 1, max: 1.5, below: 'the avatar may hardly show', above: 'the picture may be overdrawn' },
    }),
    imageSize: imageSize({
      fal: 'image_size',
      min: 256,
      max: 2048,
      default: 'landscape_4_3',
      description: 'The size of the picture.',
    }),
    numInferenceSteps: integer({
      fal: 'num_inference_steps',
      min: 1,
      max: 50,
      default: 28,
      description: 'The number of steps that fal draws in. More steps take longer and show more detail.',
    }),
    guidanceScale: float({
      fal: 'guidance_scale',
      min: 1,
      max: 20,
      default: 3.5,
      description: 'How closely the picture follows the prompt.',
    }),
    safetyTolerance: integerString({
      fal: 'safety_tolerance',
      min: 1,
      max: 6,
      default: 2,
      description: 'How much fal’s safety checker lets pass, from 1 (strict) to 6 (permissive).',
    }),
  },
  readOnlyFields: {},
  defaultPreset: 'BALANCED',
  presets: {
    FAST: {
      settings: { numInferenceSteps: 20, guidanceScale: 3.0, imageSize: 'square', finetuneStrength: 0.8 },
      typicalSeconds: { min: 15, max: 25 },
    },
    BALANCED: {
      settings: { numInferenceSteps: 28, guidanceScale: 3.5, imageSize: 'square_hd', finetuneStrength: 1.0 },
      typicalSeconds: { min: 25, max: 35 },
    },
    QUALITY: {
      settings: { numInferenceSteps: 50, guidanceScale: 4.0, imageSize: 'square_hd', finetuneStrength: 1.2 },
      typicalSeconds: { min: 40, max: 60 },
    },
    PORTRAIT: {
      settings: { numInferenceSteps: 35, guidanceScale: 3.5, imageSize: 'portrait_4_3', finetuneStrength: 1.1 },
      typicalSeconds: { min: 30, max: 45 },
    },
    LANDSCAPE: {
      settings: { numInferenceSteps: 30, guidanceScale: 3.5, imageSize: 'landscape_4_3', finetuneStrength: 1.0 },
      typicalSeconds: { min: 25, max: 40 },
    },
    ARTISTIC: {
      settings: {
        numInferenceSteps: 35,
        guidanceScale: 4.0,
        imageSize: 'square_hd',
        finetuneStrength: 1.3,
        safetyTolerance: 3,
      },
      typicalSeconds: { min: 30, max: 45 },
    },
    PHOTOREALISTIC: {
      settings: { numInferenceSteps: 40, guidanceScale: 3.5, imageSize: 'square_hd', finetuneStrength: 0.9 },
      typicalSeconds: { min: 35, max: 50 },
    },
  },
});
