/** A trainer that fal does not have, described as one that it has: what adding a trainer takes. */
import { integer, text } from '../../../src/fal/fields.ts';
import { defineTrainer } from '../../../src/fal/model.ts';

export const madeUpTrainer = defineTrainer({
  endpoint: 'fal-ai/made-up-trainer',
  name: 'madeUpTrainer',
  purpose: 'trains portraits for a test',
  usedFor: 'Portraits.',
  avatarKinds: ['PORTRAIT'],
  artefact: 'LORA',
  archiveField: 'archive_url',
  price: { per: 'TRAINING', credits: 20, usd: 0.2 },
  isDeprecated: false,
  stepsField: 'laps',
  fields: { laps: integer({ fal: 'laps', min: 5, max: 50, default: 10, description: 'The number of steps.' }) },
  readOnlyFields: {
    triggerPhrase: text({ fal: 'trigger_phrase', from: 'trigger', description: 'The words for the person.' }),
  },
  presets: { FAST: { laps: 5 }, BALANCED: { laps: 10 }, QUALITY: { laps: 20 } },
});
