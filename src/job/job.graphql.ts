/** GraphQL: the type Job. Training and Generation are declared here; the folders of these features add their fields. */
import type { Job as JobRow } from '../../prisma/generated/client/client.ts';
import { owned } from '../access/ownership.ts';
import { builder } from '../graphql/builder.ts';
import { JobError, jobError } from './job-error.graphql.ts';
import { pageOfJobs } from './job-page.graphql.ts';
import { etaSeconds, Progress } from './job-progress.graphql.ts';

export const jobTypeName = (job: Pick<JobRow, 'kind'>) =>
  job.kind === 'TRAINING' ? ('Training' as const) : ('Generation' as const);

export const JobStatus = builder.enumType('JobStatus', {
  description: 'The state of a job.',
  values: {
    QUEUED: {
      description:
        'This server has recorded the job and fal has not accepted it yet. `queuePosition` is set while it waits for its turn.',
    },
    IN_QUEUE: { description: 'The job waits in fal’s queue. `queuePosition` is set.' },
    IN_PROGRESS: { description: 'fal is working on the job.' },
    FINALIZING: { description: 'fal has finished. This server is copying the results into its own storage.' },
    SUCCEEDED: { description: 'The job has ended. All results are in this server’s storage.' },
    FAILED: { description: 'The job has ended without results. `error` says why.' },
    CANCELLED: { description: 'The job has ended because its owner cancelled it.' },
  } as const,
});

export const Job = builder.prismaInterface('Job', {
  name: 'Job',
  description: 'A training or a generation. Jobs survive a restart of the server. An ended job never changes.',
  interfaces: [builder.nodeInterfaceRef()],
  resolveType: jobTypeName,
  select: { id: true, kind: true },
  fields: (t) => ({
    status: t.expose('status', { type: JobStatus }),
    queuePosition: t.exposeInt('queuePosition', { nullable: true }),
    progress: t.field({
      type: Progress,
      description: 'The progress of the job.',
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
      description: 'Why the job failed. Set if and only if it is FAILED.',
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
  description: 'A job that trains an avatar with its photos. When it succeeds, the avatar gets its model.',
  interfaces: [Job],
  nullable: true,
  select: { id: true, kind: true },
  id: { field: 'id', description: 'The global id.' },
  findUnique: (id, { viewer }) => ({ ...owned.jobs(viewer), id, kind: 'TRAINING' }),
});

export const Generation = builder.prismaNode('Job', {
  variant: 'Generation',
  description: 'A job that draws 1 to 4 pictures of an avatar.',
  interfaces: [Job],
  nullable: true,
  select: { id: true, kind: true },
  id: { field: 'id', description: 'The global id.' },
  findUnique: (id, { viewer }) => ({ ...owned.jobs(viewer), id, kind: 'GENERATION' }),
});

builder.queryField('jobs', (t) =>
  t.connection(
    {
      type: Job,
      description: 'The viewer’s trainings and generations, newest first.',
      args: {
        active: t.arg.boolean({
          description: 'If true, returns only unfinished jobs. If false, returns only ended jobs. Default: both.',
        }),
      },
      resolve: (_root, args, context, info) =>
        pageOfJobs(args, context, info, 'Job', {
          ...owned.jobs(context.viewer),
          ...(args.active == null ? {} : { finishedAt: args.active ? null : { not: null } }),
        }),
    },
    { name: 'JobConnection', description: 'A page of jobs.' },
    { name: 'JobEdge', description: 'A job on a page.' },
  ),
);
