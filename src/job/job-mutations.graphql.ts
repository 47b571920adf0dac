/** GraphQL: cancelling a job, and the refusals that name a job. */

import { builder } from '../graphql/builder.ts';
import { ErrorInterface } from '../graphql/error-types.ts';
import { NotFoundError } from '../refusal/refusal.ts';
import { EndpointRetiredError } from './capacity/retired-endpoints.ts';
import { cancelJob, JobFinishedError } from './commands/cancel-job.ts';
import { IdempotencyConflictError, JobActiveError } from './commands/start-job.ts';
import { Generation, Job, jobTypeName, Training } from './job.graphql.ts';
import { jobKey } from './key.ts';

builder.objectType(JobActiveError, {
  name: 'JobActiveError',
  description:
    'A job stands in the way that has not ended: the avatar is being trained, or the job to retry still runs.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ job: t.field({ type: Job, description: 'That job.', resolve: (error) => error.job }) }),
});

builder.objectType(IdempotencyConflictError, {
  name: 'IdempotencyConflictError',
  description: 'The idempotency key came with another input before. Nothing was started.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    job: t.field({ type: Job, description: 'The job that the key started.', resolve: (error) => error.job }),
  }),
});

builder.objectType(EndpointRetiredError, {
  name: 'EndpointRetiredError',
  description: 'fal no longer serves the model that the job would run on. Nothing was started.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    endpoint: t.exposeString('endpoint', { description: 'The fal endpoint id of the model.' }),
    retryAfterSeconds: t.exposeInt('retryAfterSeconds', {
      description: 'After how many seconds a start is let through again, to see whether fal serves it.',
    }),
  }),
});

builder.objectType(JobFinishedError, {
  name: 'JobFinishedError',
  description: 'The job has ended already: there is nothing left to cancel.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ job: t.field({ type: Job, description: 'The job.', resolve: (error) => error.job }) }),
});

builder.mutationField('cancelJob', (t) =>
  t.errorUnionField({
    description:
      'Cancels a job. One that fal does not have yet ends at once; for any other fal is asked to stop, and the job ends CANCELLED when it has, or SUCCEEDED when fal was done first. Asking twice is asking once.',
    args: { jobId: t.arg.id({ required: true, description: 'The job.' }) },
    types: [Training, Generation, NotFoundError, JobFinishedError],
    union: {
      description: 'The job, or why it cannot be cancelled.',
      resolveType: (job) => jobTypeName(job as { kind: 'TRAINING' }),
    },
    resolve: async (_root, { jobId }, { app, viewer }) => await cancelJob(app, viewer, jobKey(jobId)),
  }),
);
