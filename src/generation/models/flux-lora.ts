/** Portraits, drawn with LoRA weights. Ranges and defaults: https://fal.ai/models/fal-ai/flux-lora/api */
import { boolean, choice, float, imageSize, integer } from '../../fal/fields.ts';
import { defineDrawingModel } from '../../fal/model.ts';

export const fluxLora = defineDrawingModel({
  endpoint: 'fal-ai/flux-lora',
  name: 'fluxLora',
  purpose: 'draws portraits',
  usedFor: 'Portraits, with any preset but ULTRA.',
  avatarKinds: ['PORTRAIT'],
  artefact: 'LORA',
  price: { per: 'IMAGE', credits: 5, usd: 0.05 },
  isDeprecated: false,
  stepsField: 'numInferenceSteps',
  fields: {
    loraScale: float({
      fal: 'loras.0.scale',
      min: 0,
      max: 4,
      default: 1,
      description: 'How strongly the LoRA shapes the picture.',
      advice: { min: 0.8, max: 1.2, below: 'the avatar may hardly show', above: 'the picture may be overdrawn' },
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
      min: 0,
      max: 35,
      default: 3.5,
      description: 'How closely the picture follows the prompt.',
    }),
    enableSafetyChecker: boolean({
      fal: 'enable_safety_checker',
      default: true,
      description: 'Whether fal checks the pictures and flags unsafe ones.',
      warningWhenFalse: 'The safety checker is off: every picture is shown and paid, whatever it shows.',
    }),
    acceleration: choice({
      fal: 'acceleration',
      choices: {
        name: 'Acceleration',
        description: 'Whether fal may trade a little quality for speed.',
        values: { none: 'Full quality.', regular: 'Faster, with a small loss.' },
      },
      default: 'none',
      description: 'Whether fal may trade a little quality for speed.',
    }),
  },
  readOnlyFields: {},
  defaultPreset: 'BALANCED',
  presets: {
    FAST: {
      settings: { numInferenceSteps: 20, guidanceScale: 3.0, imageSize: 'square', loraScale: 0.8 },
      typicalSeconds: { min: 15, max: 25 },
    },
    BALANCED: {
      settings: { numInferenceSteps: 28, guidanceScale: 3.5, imageSize: 'square_hd', loraScale: 1.0 },
      typicalSeconds: { min: 25, max: 35 },
    },
    QUALITY: {
      settings: { numInferenceSteps: 50, guidanceScale: 4.0, imageSize: 'square_hd', loraScale: 1.2 },
      typicalSeconds: { min: 40, max: 60 },
    },
    PORTRAIT: {
      settings: { numInferenceSteps: 35, guidanceScale: 3.5, imageSize: 'portrait_4_3', loraScale: 1.1 },
      typicalSeconds: { min: 30, max: 45 },
    },
    LANDSCAPE: {
      settings: { numInferenceSteps: 30, guidanceScale: 3.5, imageSize: 'landscape_4_3', loraScale: 1.0 },
      typicalSeconds: { min: 25, max: 40 },
    },
    ARTISTIC: {
      settings: { numInferenceSteps: 35, guidanceScale: 4.0, imageSize: 'square_hd', loraScale: 1.3 },
      typicalSeconds: { min: 30, max: 45 },
    },
    PHOTOREALISTIC: {
      settings: { numInferenceSteps: 40, guidanceScale: 3.5, imageSize: 'square_hd', loraScale: 0.9 },
      typicalSeconds: { min: 35, max: 50 },
    },
  },
});
