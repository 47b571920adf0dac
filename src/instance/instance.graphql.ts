/** GraphQL: what this server is, and the limits in force. */
import { createRequire } from 'node:module';
import { maxPromptLength } from '../generation/rules.ts';
import { builder, pageSize } from '../graphql/builder.ts';
import { photoLimits } from '../photo/rules.ts';
import type { Limits as ServerLimits } from '../server/limits/limits.ts';
import { photoLimits as trainingPhotos } from '../training/rules.ts';
import { Endpoint, readEndpoints } from './endpoint.graphql.ts';

export const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

const limits = {
  maxPromptLength,
  // fal's own three, by its model pages.
  maxImagesPerGeneration: 4,
  maxImageSide: 2048,
  minPhotos: trainingPhotos.min,
  maxPhotos: trainingPhotos.max,
  maxPhotoBytes: photoLimits.maxBytes,
  minPhotoSide: photoLimits.minSide,
  maxPageSize: pageSize.max,
};

/** Of server/limits.ts, under the same names: what a client meets. */
const ofClients = {
  requestBytes: 'Bytes of a request without files, and of one WebSocket message.',
  uploadBytes: 'Bytes of a request with files.',
  uploadFiles: 'Files of one request.',
  documentTokens: 'Tokens of a document.',
  documentDepth: 'Fields within fields, in a document.',
  documentAliases: 'Aliases in a document.',
  documentDirectives: 'Directives in a document.',
  documentCost: 'Fields that an answer may hold, each list counted as long as it may be.',
  operationsPerMinute: 'Operations of one owner a minute, over all processes. Not counted for the local admin.',
  requestsPerAddress: 'Requests of one address a minute, over all processes, before anybody is asked who they are.',
  operationsPerSocket: 'Operations under way on one WebSocket.',
  socketsPerOwner: 'WebSockets and event streams of one owner at a time, on one process.',
  uploadsPerOwner: 'Requests with files of one owner that are being received at a time, on one process.',
} as const satisfies Partial<Record<keyof ServerLimits, string>>;

const clientLimits = (limits: ServerLimits) =>
  Object.fromEntries(Object.keys(ofClients).map((name) => [name, limits[name as keyof typeof ofClients]])) as Record<
    keyof typeof ofClients,
    number
  >;

const FalMode = builder.enumType('FalMode', {
  description: 'Which fal this server works with.',
  values: {
    LIVE: { description: 'fal.ai itself: it trains and draws, and bills.' },
    SIMULATED: { description: 'A simulation in this server: made-up pictures, no network, no cost.' },
  } as const,
});

const Limits = builder.simpleObject('Limits', {
  description: 'The limits in force.',
  fields: (t) => ({
    maxPromptLength: t.int({ nullable: false, description: 'Characters of a prompt, with the trigger.' }),
    maxImagesPerGeneration: t.int({ nullable: false, description: 'Images of one generation.' }),
    maxImageSide: t.int({ nullable: false, description: 'Pixels of an image’s longer side.' }),
    minPhotos: t.int({ nullable: false, description: 'Photos that an avatar needs to be trained.' }),
    maxPhotos: t.int({ nullable: false, description: 'Photos that an avatar can have.' }),
    maxPhotoBytes: t.int({ nullable: false, description: 'Bytes of one photo.' }),
    minPhotoSide: t.int({ nullable: false, description: 'Pixels of a photo’s shorter side.' }),
    maxPageSize: t.int({ nullable: false, description: 'Items on one page of a list.' }),
    falRequestsPerMinute: t.int({
      nullable: false,
      description:
        'Jobs that this server sends to fal a minute, over all its processes. Default: 100, as fal allows one key.',
    }),
    falJobsAtOnce: t.int({
      nullable: false,
      description:
        'Jobs that are at fal at once, over all processes. Those beyond it wait here, QUEUED, owner by owner in turn.',
    }),
    ...(Object.fromEntries(
      Object.entries(ofClients).map(([name, description]) => [name, t.int({ nullable: false, description })]),
    ) as Record<keyof typeof ofClients, ReturnType<typeof t.int>>),
  }),
});

const Server = builder.simpleObject('Server', {
  description: 'This server.',
  fields: (t) => ({
    version: t.string({ nullable: false, description: 'The version of Likeness.' }),
    falMode: t.field({ type: FalMode, nullable: false, description: 'Which fal it works with.' }),
    limits: t.field({ type: Limits, nullable: false, description: 'The limits in force.' }),
  }),
});

builder.objectField(Server, 'endpoints', (t) =>
  t.field({
    type: [Endpoint],
    description: 'The fal models that it works with, each with its state.',
    resolve: async (_server, _args, { app }) => await readEndpoints(app),
  }),
);

builder.queryField('server', (t) =>
  t.field({
    type: Server,
    description: 'This server: its version, its mode and its limits.',
    resolve: (_root, _args, { app }) => ({
      version,
      falMode: app.falMode,
      limits: {
        ...limits,
        falRequestsPerMinute: app.falLimits.submitsPerMinute,
        falJobsAtOnce: app.falLimits.jobsAtOnce,
        ...clientLimits(app.limits),
      },
    }),
  }),
);
