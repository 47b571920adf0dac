/** GraphQL: the mutation retryJob. */
import { builder } from '../graphql/builder.ts';
import { retryJob } from './commands/retry-job.ts';
import { IdempotencyConflictError, JobActiveError } from './commands/start-job.ts';
import { Generation, jobTypeName, Training } from './job.graphql.ts';
import { jobKey } from './key.ts';
import { startRefusals } from './retry-error-registry.ts';

builder.mutationField('retryJob', (t) => {
  // A retry has no idempotency key. It fails with JobActiveError while the job to retry runs.
  const refusals = startRefusals().filter((refusal) => refusal !== IdempotencyConflictError);
  return t.errorUnionField({
    types: [Training, Generation, ...new Set([JobActiveError, ...refusals])],
    description:
      'Starts a new job with the input of an ended job, whatever its result. The present rules and prices apply. The ended job does not change.',
    union: {
      description: 'The new job, or the error.',
      resolveType: (job) => jobTypeName(job as { kind: 'TRAINING' | 'GENERATION' }),
    },
    args: { jobId: t.arg.id({ required: true, description: 'The id of the ended job.' }) },
    resolve: async (_root, { jobId }, { app, viewer }) => await retryJob(app, viewer, jobKey(jobId)),
  });
});
