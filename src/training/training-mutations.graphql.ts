/** GraphQL: how a training is started, and why not. */

import { avatarKey } from '../avatar/key.ts';
import { builder } from '../graphql/builder.ts';
import { ErrorInterface } from '../graphql/error-types.ts';
import { EndpointRetiredError } from '../job/capacity/retired-endpoints.ts';
import { IdempotencyConflictError, JobActiveError } from '../job/commands/start-job.ts';
import { Training } from '../job/job.graphql.ts';
import { registerStartRefusals } from '../job/start-refusals.ts';
import { InsufficientCreditsError } from '../ledger/account.ts';
import { InvalidInputError } from '../refusal/invalid-input.ts';
import { LimitReachedError, NotFoundError } from '../refusal/refusal.ts';
import { startTraining } from './commands.ts';
import { TrainingPreset } from './preset.graphql.ts';
import { TrainingReadiness } from './readiness.graphql.ts';
import { DatasetNotReadyError } from './rules.ts';
import { TrainingSettingsInput } from './settings.graphql.ts';

builder.objectType(DatasetNotReadyError, {
  name: 'DatasetNotReadyError',
  description: 'The avatar has too few photos to be trained, or too many. Nothing was changed.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    readiness: t.expose('readiness', { type: TrainingReadiness, description: 'What it has and what is missing.' }),
  }),
});

export const StartTrainingInput = builder.inputType('StartTrainingInput', {
  description: 'What to train, and with what.',
  fields: (t) => ({
    avatarId: t.id({ required: true, description: 'The avatar to train.' }),
    preset: t.field({
      type: TrainingPreset,
      defaultValue: 'BALANCED',
      description: 'Numbers that go together.',
    }),
    settings: t.field({
      type: TrainingSettingsInput,
      description: 'Settings of the trainer, each in the place of the preset’s.',
    }),
    datasetUrl: t.field({
      type: 'URL',
      description:
        'A ready ZIP that fal is to learn from instead of the photos: https, without a user name or password.',
    }),
    idempotencyKey: t.string({
      description:
        '1 to 200 characters of the caller’s choice. The same key and input give the same job, however often they are sent.',
    }),
  }),
});

/** The refusals of startTraining and planTraining. */
export const whyNoTraining = [
  InvalidInputError,
  NotFoundError,
  DatasetNotReadyError,
  JobActiveError,
  IdempotencyConflictError,
  EndpointRetiredError,
  InsufficientCreditsError,
  LimitReachedError,
] as const;
registerStartRefusals(whyNoTraining);

builder.mutationField('startTraining', (t) =>
  t.errorUnionField({
    types: [Training, ...whyNoTraining],
    description: 'Starts to train an avatar, and returns at once: follow the training by `jobEvents`.',
    union: { description: 'The new training, or why there is none.', resolveType: () => 'Training' },
    args: { input: t.arg({ type: StartTrainingInput, required: true, description: 'What to train, and with what.' }) },
    resolve: (_root, { input: { avatarId, ...input } }, { app, viewer }) =>
      startTraining(app, viewer, { ...input, avatar: avatarKey(avatarId) }),
  }),
);
