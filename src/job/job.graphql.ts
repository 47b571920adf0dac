/** GraphQL: what a job is. Training and Generation are declared here; each feature adds its own fields to its own. */
import type { Job as JobRow } from '../../prisma/generated/client/client.ts';
import { owned } from '../access/ownership.ts';
import { builder } from '../graphql/builder.ts';
import { JobError, jobError } from './job-error.graphql.ts';
import { pageOfJobs } from './job-page.graphql.ts';
import { etaSeconds, Progress } from './job-progress.graphql.ts';

export const jobTypeName = (job: Pick<JobRow, 'kind'>) =>
  job.kind === 'TRAINING' ? ('Training' as const) : ('Generation' as const);

export const JobStatus = builder.enumType('JobStatus', {
  description: 'Where a job is in its life.',
  values: {
    QUEUED: {
      description: 'Recorded here, not yet accepted by fal; queuePosition is known when it waits for its turn.',
    },
    IN_QUEUE: { description: 'In fal’s queue; queuePosition is known.' },
    IN_PROGRESS: { description: 'fal is working.' },
    FINALIZING: { description: 'fal is done; results are being copied into our own storage.' },
    SUCCEEDED: { description: 'Ended: everything asked for is in our own storage.' },
    FAILED: { description: 'Ended: `error` says why.' },
    CANCELLED: { description: 'Ended: cancelled by its owner.' },
  } as const,
});

export const Job = builder.prismaInterface('Job', {
  name: 'Job',
  description: 'Work that fal does for us, durable: a training or a generation. Once ended, it is never again changed.',
  interfaces: [builder.nodeInterfaceRef()],
  resolveType: jobTypeName,
  select: { id: true, kind: true },
  fields: (t) => ({
    status: t.expose('status', { type: JobStatus }),
    queuePosition: t.exposeInt('queuePosition', { nullable: true }),
    progress: t.field({
      type: Progress,
      description: 'How far the job is.',
      select: {
        percent: true,
        step: true,
        totalSteps: true,
        progressSource: true,
        startedAt: true,
        finishedAt: true,
      },
      resolve: (job, _args, { app }) => ({
        percent: job.percent,
        step: job.step,
        totalSteps: job.totalSteps,
        source: job.progressSource,
        etaSeconds: etaSeconds(job, app.now()),
      }),
    }),
    endpoint: t.exposeString('endpoint'),
    requestId: t.exposeString('requestId', { nullable: true }),
    error: t.field({
      type: JobError,
      nullable: true,
      description: 'Why the job failed: set when FAILED.',
      select: { errorCode: true, errorMessage: true, errorField: true },
      resolve: (job) =>
        job.errorCode === null ? null : jobError(job.errorCode, job.errorMessage ?? '', job.errorField),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    submittedAt: t.expose('submittedAt', { type: 'DateTime', nullable: true }),
    startedAt: t.expose('startedAt', { type: 'DateTime', nullable: true }),
    finishedAt: t.expose('finishedAt', { type: 'DateTime', nullable: true }),
  }),
});

export const Training = builder.prismaNode('Job', {
  variant: 'Training',
  description: 'Teaches fal an avatar from its photos; its success gives the avatar its model.',
  interfaces: [Job],
  nullable: true,
  select: { id: true, kind: true },
  id: { field: 'id', description: 'Global id.' },
  findUnique: (id, { viewer }) => ({ ...owned.jobs(viewer), id, kind: 'TRAINING' }),
});

export const Generation = builder.prismaNode('Job', {
  variant: 'Generation',
  description: 'Draws 1 to 4 pictures of an avatar.',
  interfaces: [Job],
  nullable: true,
  select: { id: true, kind: true },
  id: { field: 'id', description: 'Global id.' },
  findUnique: (id, { viewer }) => ({ ...owned.jobs(viewer), id, kind: 'GENERATION' }),
});

builder.queryField('jobs', (t) =>
  t.connection(
    {
      type: Job,
      description: 'The viewer’s trainings and generations, newest first.',
      args: {
        active: t.arg.boolean({ description: 'true: only those that have not ended. false: only those that have.' }),
      },
      resolve: (_root, args, context, info) =>
        pageOfJobs(args, context, info, 'Job', {
          ...owned.jobs(context.viewer),
          ...(args.active == null ? {} : { finishedAt: args.active ? null : { not: null } }),
        }),
    },
    { name: 'JobConnection', description: 'A page of jobs.' },
    { name: 'JobEdge', description: 'A job in its list.' },
  ),
);
