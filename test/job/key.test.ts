import { parse, subscribe } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allScopes } from '../../src/access/scopes.ts';
import { schema } from '../../src/app/schema.ts';
import { type Api, openApi } from '../support/api.ts';
import { globalId, uuidIn } from '../support/global-id.ts';

let api: Api;
/** Of one job each, the id under its own name. */
let training: string;
let generation: string;

beforeAll(async () => {
  api = await openApi();
  const { createAvatar } = await api.call<{ createAvatar: { id: string } }>('CreateAvatar', {
    input: { portrait: { name: 'Ada' } },
  });
  const owned = { ownerId: api.viewer.id, avatarId: uuidIn(createAvatar.id) };
  const teaching = { kind: 'TRAINING', endpoint: 'fal-ai/flux-lora-portrait-trainer', photoCount: 1 } as const;
  const drawing = { kind: 'GENERATION', endpoint: 'fal-ai/flux-lora', prompt: 'x', finalPrompt: 'TOK x' } as const;
  const jobs = [
    await api.prisma.job.create({ data: { ...owned, ...teaching, input: {} } }),
    await api.prisma.job.create({ data: { ...owned, ...drawing, input: {} } }),
  ];
  training = globalId('Training', jobs[0]?.id ?? '');
  generation = globalId('Generation', jobs[1]?.id ?? '');
});
afterAll(() => api.close());

const wrong = () => [
  globalId('Generation', uuidIn(training)),
  globalId('Training', uuidIn(generation)),
  globalId('Photo', uuidIn(training)),
  globalId('Training', 'no uuid'),
  'nonsense',
  '',
];

describe('an id of something else, or of the other kind of job', () => {
  it('cannot be cancelled', async () => {
    for (const jobId of wrong()) {
      const { cancelJob } = await api.call<{ cancelJob: object }>('CancelJob', { jobId });
      expect(cancelJob).toEqual({ __typename: 'NotFoundError', message: 'There is no such job.' });
    }
    expect(await api.prisma.job.count({ where: { status: 'QUEUED' } })).toBe(2);
  });

  it('cannot be retried', async () => {
    for (const jobId of wrong()) {
      const { retryJob } = await api.call<{ retryJob: object }>('RetryJob', { jobId });
      expect(retryJob).toEqual({ __typename: 'NotFoundError', message: 'There is no such job.' });
    }
    expect(await api.call('RetryJob', { jobId: training })).toMatchObject({
      retryJob: { __typename: 'JobActiveError' },
    });
  });

  it('cannot be followed', async () => {
    const document = parse('subscription ($jobId: ID!) { jobEvents(jobId: $jobId) { sequence } }');
    const contextValue = { viewer: api.viewer, scopes: allScopes, app: api.app };
    for (const jobId of wrong()) {
      expect(await subscribe({ schema, document, contextValue, variableValues: { jobId } })).toMatchObject({
        errors: [{ message: 'There is no such job.' }],
      });
    }
  });
});
