/** GraphQL: what a training would be and cost, before it is started. */
import { avatarKey } from '../avatar/key.ts';
import { builder } from '../graphql/builder.ts';
import type { JobPlan } from '../job/commands/start-job.ts';
import { typicalMs } from '../job/typical-duration.ts';
import { Price } from '../ledger/price.graphql.ts';
import { planTraining } from './commands.ts';
import { trainingWarnings } from './plan.ts';
import { TrainingSettings } from './settings.graphql.ts';
import { readSettings } from './settings.ts';
import { StartTrainingInput, whyNoTraining } from './training-mutations.graphql.ts';

const TrainingPlan = builder.objectRef<JobPlan>('TrainingPlan').implement({
  description: 'What startTraining would do with the same input. Nothing was started.',
  fields: (t) => ({
    endpoint: t.string({
      description: 'The fal endpoint id that it would run on.',
      resolve: ({ job }) => job.endpoint,
    }),
    photoCount: t.int({
      description: 'How many photos it would learn from; 0 with a dataset of the caller’s own.',
      resolve: ({ job }) => job.photoCount ?? 0,
    }),
    settings: t.field({
      type: TrainingSettings,
      description: 'Exactly what fal would be sent beside the photos, defaults filled in.',
      resolve: ({ job }) => readSettings(job.endpoint, job.input),
    }),
    price: t.field({
      type: Price,
      description: 'What it would cost.',
      resolve: ({ job, priceTenths }) => ({ ...job, priceTenths }),
    }),
    typicalSeconds: t.int({
      nullable: true,
      description:
        'How long fal takes, waiting in its queue aside: the median of the last twenty on this endpoint here; null before there is any.',
      resolve: async ({ job }, _args, { app }) => {
        const ms = await typicalMs(app.prisma, job.endpoint);
        return ms === undefined ? null : Math.round(ms / 1000);
      },
    }),
    warnings: t.stringList({
      description: 'What may not come out as meant, in sentences for people. Nothing of it keeps the start from going.',
      resolve: ({ job }) => trainingWarnings(job, job.trainingPreset ?? null),
    }),
  }),
});

builder.queryField('planTraining', (t) =>
  t.errorUnionField({
    types: [TrainingPlan, ...whyNoTraining],
    description: 'What startTraining would do with this input, and cost; or the refusal that it would give.',
    union: { description: 'The plan, or why there would be none.', resolveType: () => 'TrainingPlan' },
    args: { input: t.arg({ type: StartTrainingInput, required: true, description: 'As for startTraining.' }) },
    resolve: (_root, { input: { avatarId, ...input } }, { app, viewer }) =>
      planTraining(app, viewer, { ...input, avatar: avatarKey(avatarId) }),
  }),
);
