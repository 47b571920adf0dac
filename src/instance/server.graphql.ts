/** GraphQL: the query `server` with the version, the fal mode and the limits of this server. */
import { createRequire } from 'node:module';
import { maxPromptLength } from '../generation/rules.ts';
import { builder } from '../graphql/builder.ts';
import { pageSize } from '../graphql/pagination.ts';
import { photoLimits } from '../photo/rules.ts';
import type { Limits as ServerLimits } from '../runtime/limits.ts';
import { photoLimits as trainingPhotos } from '../training/rules.ts';
import { Endpoint, readEndpoints } from './endpoint.graphql.ts';

export const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

const limits = {
  maxPromptLength,
  // From fal's model pages.
  maxImagesPerGeneration: 4,
  maxImageSide: 2048,
  minPhotos: trainingPhotos.min,
  maxPhotos: trainingPhotos.max,
  maxPhotoBytes: photoLimits.maxBytes,
  minPhotoSide: photoLimits.minSide,
  maxPageSize: pageSize.max,
};

/** The limits of runtime/limits.ts that a client can reach, under the same names. */
const clientLimitDescriptions = {
  requestBytes: 'Maximum size in bytes of a request without files, and of a WebSocket message.',
  uploadBytes: 'Maximum size in bytes of a request with files.',
  uploadFiles: 'Maximum number of files in a request.',
  documentTokens: 'Maximum number of tokens in a document.',
  documentDepth: 'Maximum depth of nested fields in a document.',
  documentAliases: 'Maximum number of aliases in a document.',
  documentDirectives: 'Maximum number of directives in a document.',
  documentCost: 'Maximum number of fields in the answer to an operation. Each list counts with its maximum length.',
  operationsPerMinute:
    'Maximum number of operations of one user in a minute, over all processes. Does not apply to the local admin.',
  requestsPerAddress:
    'Maximum number of requests from one IP address in a minute, over all processes. Counted before authentication.',
  operationsPerSocket: 'Maximum number of concurrent operations on one WebSocket.',
  socketsPerOwner: 'Maximum number of concurrent WebSockets and event streams of one user, per process.',
  uploadsPerOwner: 'Maximum number of concurrent uploads of one user, per process.',
} as const satisfies Partial<Record<keyof ServerLimits, string>>;

const clientLimits = (limits: ServerLimits) =>
  Object.fromEntries(
    Object.keys(clientLimitDescriptions).map((name) => [name, limits[name as keyof typeof clientLimitDescriptions]]),
  ) as Record<keyof typeof clientLimitDescriptions, number>;

const FalMode = builder.enumType('FalMode', {
  description: 'Whether this server uses fal or simulates it.',
  values: {
    LIVE: { description: 'The server uses fal.ai, which bills for trainings and pictures.' },
    SIMULATED: { description: 'The server simulates fal: made-up pictures, no network, no cost.' },
  } as const,
});

const Limits = builder.simpleObject('Limits', {
  description: 'The limits that this server enforces.',
  fields: (t) => ({
    maxPromptLength: t.int({
      nullable: false,
      description: 'Maximum length of a prompt with the trigger, in characters.',
    }),
    maxImagesPerGeneration: t.int({
      nullable: false,
      description: 'Maximum number of images in a generation. fal’s limit.',
    }),
    maxImageSide: t.int({
      nullable: false,
      description: 'Maximum length of an image’s longer side, in pixels. fal’s limit.',
    }),
    minPhotos: t.int({ nullable: false, description: 'Minimum number of photos to train an avatar.' }),
    maxPhotos: t.int({ nullable: false, description: 'Maximum number of photos of an avatar.' }),
    maxPhotoBytes: t.int({ nullable: false, description: 'Maximum size of a photo in bytes.' }),
    minPhotoSide: t.int({ nullable: false, description: 'Minimum length of a photo’s shorter side, in pixels.' }),
    maxPageSize: t.int({ nullable: false, description: 'Maximum number of items on a page of a list.' }),
    falRequestsPerMinute: t.int({
      nullable: false,
      description:
        'Maximum number of jobs that this server sends to fal in a minute, over all its processes. Default: 100, which is what fal allows one key.',
    }),
    falJobsAtOnce: t.int({
      nullable: false,
      description:
        'Maximum number of jobs at fal at the same time, over all processes. Further jobs wait in this server, QUEUED, and take turns by owner. Default: 100.',
    }),
    ...(Object.fromEntries(
      Object.entries(clientLimitDescriptions).map(([name, description]) => [
        name,
        t.int({ nullable: false, description }),
      ]),
    ) as Record<keyof typeof clientLimitDescriptions, ReturnType<typeof t.int>>),
  }),
});

const Server = builder.simpleObject('Server', {
  description: 'Information about this server.',
  fields: (t) => ({
    version: t.string({ nullable: false, description: 'The version of Likeness.' }),
    falMode: t.field({ type: FalMode, nullable: false, description: 'Whether it uses fal or simulates it.' }),
    limits: t.field({ type: Limits, nullable: false, description: 'The limits that it enforces.' }),
  }),
});

builder.objectField(Server, 'endpoints', (t) =>
  t.field({
    type: [Endpoint],
    description: 'The fal endpoints that it uses, with their states.',
    resolve: async (_server, _args, { app }) => await readEndpoints(app),
  }),
);

builder.queryField('server', (t) =>
  t.field({
    type: Server,
    description: 'Information about this server: its version, fal mode, limits and endpoints.',
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
