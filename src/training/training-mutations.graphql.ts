/** GraphQL: the mutation startTraining, its input and its errors. */

import { avatarKey } from '../avatar/key.ts';
import { builder } from '../graphql/builder.ts';
import { ErrorInterface } from '../graphql/error-types.ts';
import { EndpointRetiredError } from '../job/capacity/retired-endpoints.ts';
import { IdempotencyConflictError, JobActiveError } from '../job/commands/start-job.ts';
import { Training } from '../job/job.graphql.ts';
import { registerStartRefusals } from '../job/retry-error-registry.ts';
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
  description: 'The avatar has too few or too many photos for a training. Nothing was started.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    readiness: t.expose('readiness', {
      type: TrainingReadiness,
      description: 'How many photos the avatar has and needs.',
    }),
  }),
});

export const StartTrainingInput = builder.inputType('StartTrainingInput', {
  description: 'The training to start.',
  fields: (t) => ({
    avatarId: t.id({ required: true, description: 'The id of the avatar to train.' }),
    preset: t.field({
      type: TrainingPreset,
      defaultValue: 'BALANCED',
      description: 'A named set of settings.',
    }),
    settings: t.field({
      type: TrainingSettingsInput,
      description: 'Settings of the trainer. Each replaces the value of the preset.',
    }),
    datasetUrl: t.field({
      type: 'URL',
      description:
        'The URL of a ZIP archive of photos to train with instead of the avatar’s photos. It must be public, use https and contain no user name or password.',
    }),
    idempotencyKey: t.string({
      description:
        'A key of the caller’s choice, 1 to 200 characters. Sending the same key and input again returns the same job. Sending the key with another input is an IdempotencyConflictError.',
    }),
  }),
});

/** The errors of startTraining and planTraining. */
export const startTrainingErrors = [
  InvalidInputError,
  NotFoundError,
  DatasetNotReadyError,
  JobActiveError,
  IdempotencyConflictError,
  EndpointRetiredError,
  InsufficientCreditsError,
  LimitReachedError,
] as const;
registerStartRefusals(startTrainingErrors);

builder.mutationField('startTraining', (t) =>
  t.errorUnionField({
    types: [Training, ...startTrainingErrors],
    description: 'Starts to train an avatar and returns the job at once. Follow it with `jobEvents`.',
    union: { description: 'The new training, or the error.', resolveType: () => 'Training' },
    args: { input: t.arg({ type: StartTrainingInput, required: true, description: 'The training to start.' }) },
    resolve: (_root, { input: { avatarId, ...input } }, { app, viewer }) =>
      startTraining(app, viewer, { ...input, avatar: avatarKey(avatarId) }),
  }),
);
