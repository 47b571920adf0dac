/** GraphQL: starting an ended job anew. */

import { AvatarNotReadyError, AvatarRuleError } from '../generation/rules.ts';
import { builder } from '../graphql/builder.ts';
import { InsufficientCreditsError } from '../ledger/account.ts';
import { InvalidInputError, LimitReachedError, NotFoundError } from '../refusal/refusal.ts';
import { DatasetNotReadyError } from '../training/rules.ts';
import { EndpointRetiredError } from './capacity/retired-endpoints.ts';
import { retryJob } from './commands/retry-job.ts';
import { JobActiveError } from './commands/start-job.ts';
import { Generation, jobTypeName, Training } from './job.graphql.ts';
import { jobKey } from './key.ts';

builder.mutationField('retryJob', (t) =>
  t.errorUnionField({
    types: [
      Training,
      Generation,
      InvalidInputError,
      NotFoundError,
      JobActiveError,
      AvatarNotReadyError,
      AvatarRuleError,
      DatasetNotReadyError,
      EndpointRetiredError,
      InsufficientCreditsError,
      LimitReachedError,
    ],
    description:
      'Starts a new job with the input of an ended one, whatever its end was, by the rules of now. The ended job stays as it is.',
    union: {
      description: 'The new job, or why there is none.',
      resolveType: (job) => jobTypeName(job as { kind: 'TRAINING' | 'GENERATION' }),
    },
    args: { jobId: t.arg.id({ required: true, description: 'The ended job.' }) },
    resolve: async (_root, { jobId }, { app, viewer }) => await retryJob(app, viewer, jobKey(jobId)),
  }),
);
