/** GraphQL: what this server is, and the limits in force. */
import { createRequire } from 'node:module';
import { builder, pageSize } from '../builder.ts';
import { maxPromptLength } from '../generation/rules.ts';
import { photoLimits } from '../photo/rules.ts';
import { photoLimits as trainingPhotos } from '../training/rules.ts';
import { Endpoint, readEndpoints } from './endpoint/schema.ts';

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
      },
    }),
  }),
);
