/** GraphQL: the query planTraining, which validates and prices a training without starting it. */
import { avatarKey } from '../avatar/key.ts';
import { builder } from '../graphql/builder.ts';
import type { JobPlan } from '../job/commands/start-job.ts';
import { typicalMs } from '../job/typical-duration.ts';
import { Price } from '../ledger/price.graphql.ts';
import { planTraining } from './commands.ts';
import { trainingWarnings } from './plan.ts';
import { TrainingSettings } from './settings.graphql.ts';
import { readSettings } from './settings.ts';
import { StartTrainingInput, startTrainingErrors } from './training-mutations.graphql.ts';

const TrainingPlan = builder.objectRef<JobPlan>('TrainingPlan').implement({
  description: 'The training that startTraining would start with the same input. Nothing was started.',
  fields: (t) => ({
    endpoint: t.string({
      description: 'The fal endpoint id that the training would run on.',
      resolve: ({ job }) => job.endpoint,
    }),
    photoCount: t.int({
      description: 'The number of the avatar’s photos to train with. 0 if the input has a `datasetUrl`.',
      resolve: ({ job }) => job.photoCount ?? 0,
    }),
    settings: t.field({
      type: TrainingSettings,
      description: 'The settings that the server would send to fal, with defaults filled in.',
      resolve: ({ job }) => readSettings(job.endpoint, job.input),
    }),
    price: t.field({
      type: Price,
      description: 'The price of the training.',
      resolve: ({ job, priceTenths }) => ({ ...job, priceTenths }),
    }),
    typicalSeconds: t.int({
      nullable: true,
      description:
        'How many seconds fal typically takes, without the time in its queue: the median of this server’s last 20 trainings on the endpoint. Null before the first one.',
      resolve: async ({ job }, _args, { app }) => {
        const ms = await typicalMs(app.prisma, job.endpoint);
        return ms === undefined ? null : Math.round(ms / 1000);
      },
    }),
    warnings: t.stringList({
      description: 'Reasons why the result may disappoint, in English. They do not prevent the start.',
      resolve: ({ job }) => trainingWarnings(job, job.trainingPreset ?? null),
    }),
  }),
});

builder.queryField('planTraining', (t) =>
  t.errorUnionField({
    types: [TrainingPlan, ...startTrainingErrors],
    description:
      'Checks the input of startTraining and returns the settings and price that it would use, or the error that it would return. Starts nothing.',
    union: {
      description: 'The plan, or the error that startTraining would return.',
      resolveType: () => 'TrainingPlan',
    },
    args: {
      input: t.arg({ type: StartTrainingInput, required: true, description: 'The same input as for startTraining.' }),
    },
    resolve: (_root, { input: { avatarId, ...input } }, { app, viewer }) =>
      planTraining(app, viewer, { ...input, avatar: avatarKey(avatarId) }),
  }),
);
