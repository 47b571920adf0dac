/** GraphQL: the mutation cancelJob, and the errors that several job mutations share. */
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
    'An unfinished job prevents this: the avatar is being trained, or the job to retry has not ended. Nothing was changed.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ job: t.field({ type: Job, description: 'The unfinished job.', resolve: (error) => error.job }) }),
});

builder.objectType(IdempotencyConflictError, {
  name: 'IdempotencyConflictError',
  description: 'The idempotency key was used with another input before. Nothing was started.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    job: t.field({ type: Job, description: 'The job that was started with the key.', resolve: (error) => error.job }),
  }),
});

builder.objectType(EndpointRetiredError, {
  name: 'EndpointRetiredError',
  description: 'fal no longer serves the endpoint that the job would run on. Nothing was started.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    endpoint: t.exposeString('endpoint', { description: 'The fal endpoint id.' }),
    retryAfterSeconds: t.exposeInt('retryAfterSeconds', {
      description:
        'How many seconds to wait before a retry. The server then allows one job, to find out whether fal serves the endpoint again.',
    }),
  }),
});

builder.objectType(JobFinishedError, {
  name: 'JobFinishedError',
  description: 'The job has already ended, so it cannot be cancelled.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ job: t.field({ type: Job, description: 'The ended job.', resolve: (error) => error.job }) }),
});

builder.mutationField('cancelJob', (t) =>
  t.errorUnionField({
    description:
      'Cancels a job. A job that was not sent to fal yet ends at once. For any other job the server asks fal to stop: the job then ends as CANCELLED, or as SUCCEEDED if fal finished first. Cancelling it again changes nothing.',
    args: { jobId: t.arg.id({ required: true, description: 'The id of the job.' }) },
    types: [Training, Generation, NotFoundError, JobFinishedError],
    union: {
      description: 'The job, or the error.',
      resolveType: (job) => jobTypeName(job as { kind: 'TRAINING' }),
    },
    resolve: async (_root, { jobId }, { app, viewer }) => await cancelJob(app, viewer, jobKey(jobId)),
  }),
);
