/** GraphQL: what a generation would be and cost, before it is started. */
import { avatarKey } from '../avatar/key.ts';
import { builder } from '../graphql/builder.ts';
import type { JobPlan } from '../job/commands/start-job.ts';
import { Price } from '../ledger/price.graphql.ts';
import { planGeneration } from './commands.ts';
import { StartGenerationInput, whyNoGeneration } from './generation-mutations.graphql.ts';
import { generationWarnings, typicalSeconds } from './plan.ts';
import { IntRange } from './preset.graphql.ts';
import { GenerationSettings } from './settings.graphql.ts';
import { readSettings } from './settings.ts';

const settingsOf = ({ job }: JobPlan) => readSettings(job.endpoint, job.input);

const GenerationPlan = builder.objectRef<JobPlan>('GenerationPlan').implement({
  description: 'What startGeneration would do with the same input. Nothing was started.',
  fields: (t) => ({
    endpoint: t.string({
      description: 'The fal endpoint id that it would run on.',
      resolve: ({ job }) => job.endpoint,
    }),
    finalPrompt: t.string({
      description: 'The prompt with the trigger, as fal would be sent it.',
      resolve: ({ job }) => job.finalPrompt ?? '',
    }),
    settings: t.field({
      type: GenerationSettings,
      description: 'Exactly what fal would be sent beside the prompt, defaults filled in.',
      resolve: settingsOf,
    }),
    price: t.field({
      type: Price,
      description: 'What it would cost.',
      resolve: ({ job, priceTenths }) => ({ ...job, priceTenths }),
    }),
    typicalSeconds: t.field({
      type: IntRange,
      description: 'How long fal takes as a rule, waiting in its queue aside.',
      resolve: (plan) => typicalSeconds(settingsOf(plan)),
    }),
    warnings: t.stringList({
      description: 'What may not come out as meant, in sentences for people. Nothing of it keeps the start from going.',
      resolve: (plan) => generationWarnings(settingsOf(plan), plan.job.generationPreset ?? null),
    }),
  }),
});

builder.queryField('planGeneration', (t) =>
  t.errorUnionField({
    types: [GenerationPlan, ...whyNoGeneration],
    description: 'What startGeneration would do with this input, and cost; or the refusal that it would give.',
    union: { description: 'The plan, or why there would be none.', resolveType: () => 'GenerationPlan' },
    args: { input: t.arg({ type: StartGenerationInput, required: true, description: 'As for startGeneration.' }) },
    resolve: (_root, { input: { avatarId, ...input } }, { app, viewer }) =>
      planGeneration(app, viewer, { ...input, avatar: avatarKey(avatarId) }),
  }),
);
