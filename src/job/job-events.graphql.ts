/** GraphQL: what happens to a job, as a history and as a live stream. */
import { GraphQLError } from 'graphql';
import type { JobEvent as EventRow } from '../../prisma/generated/client/client.ts';
import { owned } from '../access/ownership.ts';
import { type EventType, readPayload } from '../events/payload.ts';
import { builder, type Context, pageSize, sharedField } from '../graphql/builder.ts';
import { Job } from './job.graphql.ts';
import { JobError, jobError } from './job-error.graphql.ts';
import { Progress } from './job-progress.graphql.ts';
import { jobKey } from './key.ts';

const typeNames = {
  QUEUED: 'JobQueued',
  SUBMITTED: 'JobSubmitted',
  QUEUE_MOVED: 'JobQueueMoved',
  STARTED: 'JobStarted',
  LOGGED: 'JobLogged',
  PROGRESSED: 'JobProgressed',
  FINALIZING: 'JobFinalizing',
  SUCCEEDED: 'JobSucceeded',
  FAILED: 'JobFailed',
  CANCELLED: 'JobCancelled',
} as const satisfies Record<EventType, string>;

const JobEvent = builder.interfaceRef<EventRow>('JobEvent').implement({
  description:
    'What happened to a job, in order. Each job has exactly one terminal event, its last: JobSucceeded, JobFailed or JobCancelled.',
  resolveType: (event) => typeNames[event.type],
  fields: (t) => ({
    sequence: t.exposeInt('sequence', { description: '1, 2, 3 … per job: no gap, no repeat.' }),
    occurredAt: t.expose('occurredAt', { type: 'DateTime', description: 'When this server recorded it.' }),
    job: t.prismaField({
      type: Job,
      description: 'The job as it is now, which may be further on than at the event.',
      resolve: async (query, event, _args, { app }) =>
        (await app.prisma.job.findUnique({ ...query, where: { id: event.jobId } })) ?? gone(),
    }),
  }),
});

/** A deleted avatar's jobs go with it, also from under a stream that is still being read. */
function gone(): never {
  throw new GraphQLError('There is no such job.', { extensions: { code: 'NOT_FOUND' } });
}

const eventType = (type: EventType, description: string) =>
  builder.objectRef<EventRow>(typeNames[type]).implement({ description, interfaces: [JobEvent] });

eventType('QUEUED', 'The job is recorded here.');
builder.objectFields(eventType('SUBMITTED', 'fal accepted the job.'), (t) => ({
  requestId: t.string({
    description: 'fal’s id of the request.',
    resolve: (event) => readPayload('SUBMITTED', event.payload).requestId,
  }),
}));
builder.objectFields(
  eventType(
    'QUEUE_MOVED',
    'The job’s place is another one: in this server’s line before JobSubmitted, in fal’s queue after it.',
  ),
  (t) => ({
    position: t.int({
      description: 'Requests in front of this one.',
      resolve: (event) => readPayload('QUEUE_MOVED', event.payload).position,
    }),
  }),
);
eventType('STARTED', 'fal began to work.');
builder.objectFields(eventType('LOGGED', 'fal logged a line.'), (t) => ({
  message: t.string({ description: 'The line.', resolve: (event) => readPayload('LOGGED', event.payload).message }),
  loggedAt: t.field({
    type: 'DateTime',
    description: 'When fal logged it.',
    resolve: (event) => new Date(readPayload('LOGGED', event.payload).loggedAt),
  }),
  level: t.string({
    nullable: true,
    description: 'fal’s level, as INFO or STDERR; null when fal gives none.',
    resolve: (event) => readPayload('LOGGED', event.payload).level,
  }),
}));
builder.objectFields(eventType('PROGRESSED', 'The job is further on. At most four a second.'), (t) => ({
  progress: t.field({
    type: Progress,
    description: 'How far, at the event.',
    resolve: (event) => ({ ...readPayload('PROGRESSED', event.payload), etaSeconds: null }),
  }),
}));
eventType('FINALIZING', 'fal is done; its results are being copied.');
eventType('SUCCEEDED', 'The job has ended: everything asked for is in our own storage.');
builder.objectFields(eventType('FAILED', 'The job has ended, without what was asked for.'), (t) => ({
  error: t.field({
    type: JobError,
    description: 'Why.',
    resolve: (event) => {
      const { code, message, field } = readPayload('FAILED', event.payload);
      return jobError(code, message, field);
    },
  }),
}));
eventType('CANCELLED', 'The job has ended: its owner cancelled it.');

const JobEventConnection = builder.simpleObject('JobEventConnection', {
  description: 'A page of a job’s history. It goes on with `after` set to the last sequence number.',
  fields: (t) => ({
    edges: t.field({
      type: [
        builder.simpleObject('JobEventEdge', {
          description: 'An event in its history.',
          fields: (edge) => ({
            cursor: edge.string({ nullable: false, description: 'The sequence number.' }),
            node: edge.field({ type: JobEvent, nullable: false, description: 'The event.' }),
          }),
        }),
      ],
      nullable: false,
      description: 'The events, oldest first.',
    }),
    pageInfo: t.field({
      type: builder.pageInfoRef(),
      nullable: false,
      description: 'Where the page stands in the history.',
    }),
  }),
});

builder.prismaInterfaceField(Job, 'events', (t) =>
  t.field({
    type: JobEventConnection,
    description: 'The whole history, oldest first: the same sequence that the subscription jobEvents gives.',
    args: {
      first: t.arg.int({ description: `How many: ${pageSize.default} unless given, at most ${pageSize.max}.` }),
      after: t.arg.int({ description: 'Only those behind this sequence number.' }),
    },
    select: { id: true, lastSequence: true },
    resolve: async (job, { first, after }, { app }) => {
      const from = Math.max(after ?? 0, 0);
      // As the other lists say it.
      if (first != null && first < 0) throw new GraphQLError('Argument "first" must be a non-negative integer');
      const take = Math.min(first ?? pageSize.default, pageSize.max);
      const events = await app.prisma.jobEvent.findMany({
        where: { jobId: job.id, sequence: { gt: from } },
        orderBy: { sequence: 'asc' },
        take,
      });
      const last = events.at(-1)?.sequence;
      return {
        edges: events.map((node) => ({ cursor: String(node.sequence), node })),
        pageInfo: {
          hasNextPage: (last ?? from) < job.lastSequence,
          hasPreviousPage: from > 0,
          startCursor: events[0] === undefined ? null : String(events[0].sequence),
          endCursor: last === undefined ? null : String(last),
        },
      };
    },
  }),
);

builder.subscriptionField('jobEvents', (t) =>
  t.field({
    type: JobEvent,
    description:
      'Replays every event behind that sequence number from the log, then goes on live, and completes after the terminal event.',
    extensions: { [sharedField]: true },
    args: {
      jobId: t.arg.id({ required: true, description: 'The job.' }),
      after: t.arg.int({
        defaultValue: 0,
        description: 'The last sequence number that the client has seen. 0 is from the beginning.',
      }),
    },
    subscribe: async (_root, { jobId, after }, context) => {
      const where = { ...owned.jobs(context.viewer), ...jobKey(jobId) };
      const job = await context.app.prisma.job.findFirst({ where, select: { id: true } });
      if (job === null) return gone();
      return context.app.events.follow(job.id, Math.max(after ?? 0, 0));
    },
    resolve: (event) => event,
  }),
);

builder.subscriptionField('jobChanged', (t) =>
  t.prismaField({
    type: Job,
    description: 'A snapshot of each of the viewer’s jobs whenever it changes; only the newest when a client is slow.',
    subscribe: (_root, _args, context: Context) => context.app.events.followOwner(context.viewer.id),
    resolve: async (query, jobId, _args, { app }) =>
      (await app.prisma.job.findUnique({ ...query, where: { id: jobId } })) ?? gone(),
  }),
);
