/** A model that fal does not have, described as one that it has: what adding a model that draws takes. */
import { boolean, float, imageSize, integer } from '../../../src/fal/fields.ts';
import { defineDrawingModel } from '../../../src/fal/model.ts';

export const madeUp = defineDrawingModel({
  endpoint: 'fal-ai/made-up/lora',
  name: 'madeUp',
  purpose: 'draws portraits for a test',
  usedFor: 'Portraits, with FAST or no preset.',
  avatarKinds: ['PORTRAIT'],
  artefact: 'LORA',
  price: { per: 'IMAGE', credits: 3, usd: 0.02 },
  isDeprecated: false,
  stepsField: 'paces',
  fields: {
    loraScale: float({ fal: 'loras.0.scale', min: 0, max: 4, default: 1, description: 'How strongly the LoRA shows.' }),
    size: imageSize({ fal: 'image_size', min: 512, max: 1024, default: 'square', description: 'The size.' }),
    paces: integer({ fal: 'num_inference_steps', min: 2, max: 9, default: 4, description: 'The number of steps.' }),
    glow: boolean({ fal: 'enable_glow', default: false, description: 'Whether the picture glows.' }),
  },
  readOnlyFields: {},
  defaultPreset: 'FAST',
  presets: { FAST: { settings: { paces: 3, loraScale: 0.9 }, typicalSeconds: { min: 2, max: 4 } } },
});
