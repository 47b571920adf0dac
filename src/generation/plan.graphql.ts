/** GraphQL: the query planGeneration, which validates and prices a generation without starting it. */
import { avatarKey } from '../avatar/key.ts';
import { builder } from '../graphql/builder.ts';
import type { JobPlan } from '../job/commands/start-job.ts';
import { Price } from '../ledger/price.graphql.ts';
import { planGeneration } from './commands.ts';
import { StartGenerationInput, startGenerationErrors } from './generation-mutations.graphql.ts';
import { generationWarnings, typicalSeconds } from './plan.ts';
import { IntRange } from './preset.graphql.ts';
import { GenerationSettings } from './settings.graphql.ts';
import { readSettings } from './settings.ts';

const settingsOf = ({ job }: JobPlan) => readSettings(job.endpoint, job.input);

const GenerationPlan = builder.objectRef<JobPlan>('GenerationPlan').implement({
  description: 'The generation that startGeneration would start with the same input. Nothing was started.',
  fields: (t) => ({
    endpoint: t.string({
      description: 'The fal endpoint id that the generation would run on.',
      resolve: ({ job }) => job.endpoint,
    }),
    finalPrompt: t.string({
      description: 'The prompt that the server would send to fal, with the avatar’s trigger.',
      resolve: ({ job }) => job.finalPrompt ?? '',
    }),
    settings: t.field({
      type: GenerationSettings,
      description: 'The settings that the server would send to fal, with defaults filled in.',
      resolve: settingsOf,
    }),
    price: t.field({
      type: Price,
      description: 'The price of the generation.',
      resolve: ({ job, priceTenths }) => ({ ...job, priceTenths }),
    }),
    typicalSeconds: t.field({
      type: IntRange,
      description:
        'How many seconds fal typically takes with these settings, without the time in its queue. An estimate from the presets of the model.',
      resolve: (plan) => typicalSeconds(settingsOf(plan)),
    }),
    warnings: t.stringList({
      description:
        'Reasons why the result may disappoint, in English: a setting outside fal’s advice, for example. They do not prevent the start.',
      resolve: (plan) => generationWarnings(settingsOf(plan), plan.job.generationPreset ?? null),
    }),
  }),
});

builder.queryField('planGeneration', (t) =>
  t.errorUnionField({
    types: [GenerationPlan, ...startGenerationErrors],
    description:
      'Checks the input of startGeneration and returns the settings and price that it would use, or the error that it would return. Starts nothing.',
    union: {
      description: 'The plan, or the error that startGeneration would return.',
      resolveType: () => 'GenerationPlan',
    },
    args: {
      input: t.arg({
        type: StartGenerationInput,
        required: true,
        description: 'The same input as for startGeneration.',
      }),
    },
    resolve: (_root, { input: { avatarId, ...input } }, { app, viewer }) =>
      planGeneration(app, viewer, { ...input, avatar: avatarKey(avatarId) }),
  }),
);
