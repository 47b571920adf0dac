/** GraphQL: the events of a job, as a history and as live subscriptions. */
import { GraphQLError } from 'graphql';
import type { JobEvent as EventRow } from '../../prisma/generated/client/client.ts';
import { owned } from '../access/ownership.ts';
import { type EventType, readPayload } from '../events/payload.ts';
import { builder, type Context, sharedField } from '../graphql/builder.ts';
import { pageSize } from '../graphql/pagination.ts';
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
    'An event in the history of a job. An ended job has exactly one terminal event, its last: JobSucceeded, JobFailed or JobCancelled.',
  resolveType: (event) => typeNames[event.type],
  fields: (t) => ({
    sequence: t.exposeInt('sequence', {
      description: 'The position in the job’s history: 1, 2, 3 …, without gaps or repeats.',
    }),
    occurredAt: t.expose('occurredAt', { type: 'DateTime', description: 'When this server recorded the event.' }),
    job: t.prismaField({
      type: Job,
      description: 'The job at the time of the read. It may have changed since the event.',
      resolve: async (query, event, _args, { app }) =>
        (await app.prisma.job.findUnique({ ...query, where: { id: event.jobId } })) ?? jobNotFound(),
    }),
  }),
});

/** A job can disappear while a stream of it is open, because it is deleted with its avatar. */
function jobNotFound(): never {
  throw new GraphQLError('There is no such job.', { extensions: { code: 'NOT_FOUND' } });
}

const eventType = (type: EventType, description: string) =>
  builder.objectRef<EventRow>(typeNames[type]).implement({ description, interfaces: [JobEvent] });

eventType('QUEUED', 'This server has recorded the job.');
builder.objectFields(eventType('SUBMITTED', 'fal accepted the job.'), (t) => ({
  requestId: t.string({
    description: 'fal’s id of the request.',
    resolve: (event) => readPayload('SUBMITTED', event.payload).requestId,
  }),
}));
builder.objectFields(
  eventType(
    'QUEUE_MOVED',
    'The job’s queue position has changed: in this server’s waiting line before JobSubmitted, in fal’s queue after it.',
  ),
  (t) => ({
    position: t.int({
      description: 'The number of jobs ahead of this one.',
      resolve: (event) => readPayload('QUEUE_MOVED', event.payload).position,
    }),
  }),
);
eventType('STARTED', 'fal began to work on the job.');
builder.objectFields(eventType('LOGGED', 'fal logged a line.'), (t) => ({
  message: t.string({
    description: 'The logged line.',
    resolve: (event) => readPayload('LOGGED', event.payload).message,
  }),
  loggedAt: t.field({
    type: 'DateTime',
    description: 'When fal logged the line.',
    resolve: (event) => new Date(readPayload('LOGGED', event.payload).loggedAt),
  }),
  level: t.string({
    nullable: true,
    description: 'fal’s log level, such as INFO or STDERR. Null if fal gave none.',
    resolve: (event) => readPayload('LOGGED', event.payload).level,
  }),
}));
builder.objectFields(
  eventType('PROGRESSED', 'The job has progressed. There are at most four of these events in a second.'),
  (t) => ({
    progress: t.field({
      type: Progress,
      description: 'The progress at the event. `etaSeconds` is always null here.',
      resolve: (event) => ({ ...readPayload('PROGRESSED', event.payload), etaSeconds: null }),
    }),
  }),
);
eventType('FINALIZING', 'fal has finished. This server is copying the results into its own storage.');
eventType('SUCCEEDED', 'The job has ended. All results are in this server’s storage.');
builder.objectFields(eventType('FAILED', 'The job has ended without results.'), (t) => ({
  error: t.field({
    type: JobError,
    description: 'Why the job failed.',
    resolve: (event) => {
      const { code, message, field } = readPayload('FAILED', event.payload);
      return jobError(code, message, field);
    },
  }),
}));
eventType('CANCELLED', 'The job has ended because its owner cancelled it.');

const JobEventConnection = builder.simpleObject('JobEventConnection', {
  description: 'A page of a job’s history. For the next page, set `after` to the last sequence number.',
  fields: (t) => ({
    edges: t.field({
      type: [
        builder.simpleObject('JobEventEdge', {
          description: 'An event on a page.',
          fields: (edge) => ({
            cursor: edge.string({ nullable: false, description: 'The sequence number of the event, as text.' }),
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
      description: 'The position of the page in the history.',
    }),
  }),
});

builder.prismaInterfaceField(Job, 'events', (t) =>
  t.field({
    type: JobEventConnection,
    description: 'The history of the job, oldest event first. The subscription `jobEvents` sends the same events.',
    args: {
      first: t.arg.int({
        description: `Returns at most this many events. Default: ${pageSize.default}. Maximum: ${pageSize.max}.`,
      }),
      after: t.arg.int({ description: 'Returns the events after this sequence number.' }),
    },
    select: { id: true, lastSequence: true },
    resolve: async (job, { first, after }, { app }) => {
      const from = Math.max(after ?? 0, 0);
      // The same message as for the other lists, which Pothos checks.
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
      'Sends every event of a job after a sequence number: first those in its history, then new ones as they happen. Completes after the terminal event.',
    extensions: { [sharedField]: true },
    args: {
      jobId: t.arg.id({ required: true, description: 'The id of the job.' }),
      after: t.arg.int({
        defaultValue: 0,
        description: 'The last sequence number that the client has received. 0 for all events.',
      }),
    },
    subscribe: async (_root, { jobId, after }, context) => {
      const where = { ...owned.jobs(context.viewer), ...jobKey(jobId) };
      const job = await context.app.prisma.job.findFirst({ where, select: { id: true } });
      if (job === null) return jobNotFound();
      return context.app.events.follow(job.id, Math.max(after ?? 0, 0));
    },
    resolve: (event) => event,
  }),
);

builder.subscriptionField('jobChanged', (t) =>
  t.prismaField({
    type: Job,
    description:
      'Sends each of the viewer’s jobs whenever it changes. A slow client receives only the newest state of each.',
    subscribe: (_root, _args, context: Context) => context.app.events.followOwner(context.viewer.id),
    resolve: async (query, jobId, _args, { app }) =>
      (await app.prisma.job.findUnique({ ...query, where: { id: jobId } })) ?? jobNotFound(),
  }),
);
