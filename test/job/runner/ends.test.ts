/** What each fault of fal's ends in: the whole server over the simulated fal, one fault plan a row. */
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/fal-simulator/clock.ts';
import { type Simulator, startSimulator } from '../../../src/fal-simulator/server.ts';
import { uuidIn } from '../../support/global-id.ts';
import { subscribe, upload } from '../../support/http.ts';
import { startLikeness, type TestLikeness } from '../../support/likeness.ts';

const documents = {
  create: 'mutation { made: createAvatar(input: { portrait: { name: "Ada" } }) { ... on PortraitAvatar { id } } }',
  add: 'mutation($input: AddPhotosInput!) { made: addPhotos(input: $input) { __typename } }',
  train:
    'mutation($input: StartTrainingInput!) { made: startTraining(input: $input) { ... on Training { id } ... on Error { message } } }',
  generate:
    'mutation($input: StartGenerationInput!) { made: startGeneration(input: $input) { ... on Generation { id } ... on Error { message } } }',
  job: `query($id: ID!) { made: node(id: $id) { ... on Job { status error { code retryable field } }
    ... on Generation { images { url hasNsfwConcepts } } ... on Training { avatar { ... on AvatarProfile { status } } } } }`,
  events: 'subscription($id: ID!) { jobEvents(jobId: $id) { __typename } }',
};
type Made = { id: string };
type Told = {
  status: string;
  error: { code: string; retryable: boolean; field: string | null } | null;
  images?: { url: string; hasNsfwConcepts: boolean }[];
  avatar?: { status: string };
};
type Row = [what: string, faults: object[], end: string, accepted?: number, images?: number];

let fal: Simulator;
let likeness: TestLikeness;
let avatarId: string;
/** How far fal's clock is ahead. */
let aheadMs = 0;
const clock = { ...systemClock, now: () => Date.now() + aheadMs };

const ask = async <Data = Made>(document: string, variables: Record<string, unknown> = {}) => {
  const { data, errors } = await likeness.gql<{ made: Data }>(document, variables);
  if (data == null) throw new Error(JSON.stringify(errors));
  return data.made;
};
/** Follows it to its end; what it ended in. */
const endOf = async (id: string): Promise<Told> => {
  for await (const _event of subscribe(likeness.url, documents.events, { id }));
  return await ask<Told>(documents.job, { id });
};
const newPortrait = async () => {
  const { id } = await ask(documents.create);
  const photos = await Promise.all(
    Array.from({ length: 10 }, async (_, n) =>
      sharp({ create: { width: 512, height: 512, channels: 3, background: { r: 40 + 20 * n, g: 120, b: 90 } } })
        .jpeg()
        .toBuffer(),
    ),
  );
  const files = photos.map((content, n) => ({
    path: `variables.input.files.${n}`,
    name: `${n}.jpg`,
    content: new Uint8Array(content),
  }));
  await upload(likeness.url, documents.add, { input: { avatarId: id, files: files.map(() => null) } }, files);
  return id;
};
const train = async (id: string) => endOf((await ask(documents.train, { input: { avatarId: id, preset: 'FAST' } })).id);
const generate = async (prompt = 'at sea') => {
  const input = { avatarId, prompt, preset: 'FAST', numImages: 2 };
  return await endOf((await ask(documents.generate, { input })).id);
};
const nameOf = ({ status, error }: Told) => error?.code ?? status;

beforeAll(async () => {
  fal = await startSimulator({ dataDir: undefined, speed: 'instant', clock });
  const live = { FAL_MODE: 'live', FAL_KEY: fal.key, FAL_BASE_URL: fal.url, FAL_SUBMITS_PER_MINUTE: '1000' };
  likeness = await startLikeness({ env: live });
  avatarId = await newPortrait();
  const { status } = await train(avatarId);
  if (status !== 'SUCCEEDED') throw new Error(`The avatar is ${status}.`);
});
afterAll(async () => {
  await likeness.close();
  await fal.close();
});
beforeEach(async () => {
  await likeness.app.prisma.retiredEndpoint.deleteMany();
  // A row's downloads are of its pictures, not a look at the LoRA.
  await likeness.app.prisma.avatar.updateMany({ data: { loraSeenAt: new Date() } });
  fal.clearFaults();
});

const retryable = new Set([
  'FAL_UNAVAILABLE',
  'RESULT_LOST',
  'SUBMIT_UNCONFIRMED',
  'FAL_UNAUTHORIZED',
  'FAL_BALANCE_EXHAUSTED',
]);

describe('a generation', () => {
  const rows: Row[] = [
    [
      'COMPLETED with an error of fal’s',
      [{ on: 'submit', do: 'fail', type: 'runner_disconnected' }],
      'FAL_UNAVAILABLE',
    ],
    ['the model’s own time is up', [{ on: 'submit', do: 'fail', type: 'generation_timeout' }], 'FAL_UNAVAILABLE'],
    ['the model fails', [{ on: 'submit', do: 'fail', type: 'internal_server_error' }], 'FAL_UNAVAILABLE'],
    ['422 at the result', [{ on: 'submit', do: 'fail', type: 'image_too_large' }], 'INVALID_INPUT'],
    ['the content policy', [{ on: 'submit', do: 'fail', type: 'content_policy_violation' }], 'CONTENT_BLOCKED'],
    ['499, though nobody cancelled', [{ on: 'submit', do: 'fail', type: 'client_cancelled' }], 'CANCELLED'],
    [
      '202 instead of the result',
      [{ on: 'result', nth: { from: 1, to: 2 }, do: 'unfinished', status: 202 }],
      'SUCCEEDED',
    ],
    ['400 instead of the result', [{ on: 'result', nth: 1, do: 'unfinished', status: 400 }], 'SUCCEEDED'],
    ['a result that is no JSON', [{ on: 'result', nth: 1, do: 'malformed' }], 'SUCCEEDED'],
    ['half a result', [{ on: 'result', nth: 1, do: 'truncated' }], 'SUCCEEDED'],
    ['an empty result', [{ on: 'result', nth: 1, do: 'empty' }], 'SUCCEEDED'],
    ['a result of another shape', [{ on: 'result', do: 'patch', set: { images: 'none' } }], 'RESULT_LOST'],
    ['no images', [{ on: 'result', do: 'images', keep: 0 }], 'RESULT_LOST'],
    ['fewer images than were asked for', [{ on: 'result', do: 'images', keep: 1 }], 'SUCCEEDED', 1, 1],
    ['a result that is gone', [{ on: 'result', do: 'answer', status: 404 }], 'RESULT_LOST'],
    ['a result that is gone for good', [{ on: 'result', do: 'answer', status: 410 }], 'RESULT_LOST'],
    ['fal is down at the result', [{ on: 'result', nth: 1, do: 'answer', status: 503 }], 'SUCCEEDED'],
    ['an image that does not decode', [{ on: 'download', nth: 2, do: 'corrupt' }], 'SUCCEEDED', 1, 1],
    ['every image that does not decode', [{ on: 'download', do: 'corrupt' }], 'RESULT_LOST'],
    ['an image of no bytes', [{ on: 'download', nth: 1, do: 'empty' }], 'SUCCEEDED', 1, 1],
    ['every image of no bytes', [{ on: 'download', do: 'empty' }], 'RESULT_LOST'],
    ['an image that is gone', [{ on: 'download', nth: 2, do: 'answer', status: 404 }], 'SUCCEEDED', 1, 1],
    ['every image that is gone', [{ on: 'download', do: 'answer', status: 404 }], 'RESULT_LOST'],
    ['an image that is too large', [{ on: 'download', nth: 1, do: 'huge', bytes: 40_000_000 }], 'SUCCEEDED', 1, 1],
    ['every image that is too large', [{ on: 'download', do: 'huge', bytes: 40_000_000 }], 'RESULT_LOST'],
    [
      'an image under another type’s name',
      [{ on: 'download', do: 'wrong-type', contentType: 'text/html' }],
      'SUCCEEDED',
    ],
    ['half an image, then a reset', [{ on: 'download', nth: 1, do: 'cut' }], 'SUCCEEDED'],
    ['the file store is down', [{ on: 'download', nth: 1, do: 'answer', status: 503 }], 'SUCCEEDED'],
    ['429 at the submit', [{ on: 'submit', nth: 1, do: 'answer', status: 429, retryAfterSeconds: 1 }], 'SUCCEEDED'],
    ['the key is refused', [{ on: 'submit', do: 'answer', status: 401 }], 'FAL_UNAUTHORIZED', 0],
    ['the endpoint is gone', [{ on: 'submit', do: 'retired', status: 404 }], 'ENDPOINT_RETIRED', 0],
    ['the submit is reset before fal has it', [{ on: 'submit', do: 'reset', when: 'before' }], 'SUBMIT_UNCONFIRMED', 0],
    ['the submit is reset after fal has it', [{ on: 'submit', do: 'reset', when: 'after' }], 'SUBMIT_UNCONFIRMED'],
    ['502 at the submit', [{ on: 'submit', do: 'answer', status: 502, when: 'after' }], 'SUBMIT_UNCONFIRMED'],
    ['504 at the submit', [{ on: 'submit', do: 'answer', status: 504, when: 'before' }], 'SUBMIT_UNCONFIRMED', 0],
    ['an answer to the submit that is no JSON', [{ on: 'submit', do: 'malformed' }], 'SUBMIT_UNCONFIRMED'],
    ['every stream breaks', [{ on: 'stream', do: 'break' }], 'SUCCEEDED'],
    ['every stream is garbage', [{ on: 'stream', do: 'garbage' }], 'SUCCEEDED'],
    ['statuses fail, now and then', [{ on: 'status', nth: [1, 2], do: 'answer', status: 502 }], 'SUCCEEDED'],
    [
      'fal has forgotten the request',
      [
        { on: 'status', do: 'answer', status: 404 },
        { on: 'stream', do: 'answer', status: 404 },
      ],
      'RESULT_LOST',
    ],
  ];

  test.each(rows)('%s', async (_what, faults, end, accepted = 1, images = 2) => {
    const before = fal.record.requests().length;
    fal.setFaults({ seed: 1, faults });
    const told = await generate();
    expect(nameOf(told)).toBe(end);
    expect(told.images).toHaveLength(end === 'SUCCEEDED' ? images : 0);
    expect(told.error?.retryable ?? false).toBe(retryable.has(end));
    expect(fal.record.requests().length - before).toBe(accepted);
  });

  test.each([
    ['[[nsfw]] at sea', 'CONTENT_BLOCKED', []],
    ['[[nsfw 2]] at sea', 'SUCCEEDED', [false, true]],
    ['[[blocked]] at sea', 'CONTENT_BLOCKED', []],
    ['[[crash]] at sea', 'FAL_UNAVAILABLE', []],
  ])('%s', async (prompt, end, flags) => {
    const told = await generate(prompt);
    expect(nameOf(told)).toBe(end);
    expect(told.images?.map(({ hasNsfwConcepts }) => hasNsfwConcepts)).toEqual(flags);
  });
});

describe('a training', () => {
  const rows: Row[] = [
    ['a LoRA of no bytes', [{ on: 'download', nth: [1, 2], do: 'empty' }], 'RESULT_LOST'],
    ['a LoRA that is none', [{ on: 'download', nth: [1, 2], do: 'corrupt' }], 'RESULT_LOST'],
    ['files that are gone', [{ on: 'download', do: 'answer', status: 410 }], 'RESULT_LOST'],
    ['a result without its files', [{ on: 'result', do: 'patch', remove: ['diffusers_lora_file'] }], 'RESULT_LOST'],
    ['half a file, then a reset', [{ on: 'download', nth: 1, do: 'cut' }], 'SUCCEEDED'],
    ['an upload that fails once', [{ on: 'upload-put', nth: 1, do: 'answer', status: 503 }], 'SUCCEEDED'],
    [
      'the trainer refuses the archive',
      [{ on: 'submit', do: 'fail', type: 'face_detection_error' }],
      'DATASET_REJECTED',
    ],
    ['the trainer fails', [{ on: 'submit', do: 'fail', type: 'runner_server_error' }], 'FAL_UNAVAILABLE'],
  ];

  test.each(rows)('%s', async (_what, faults, end) => {
    const id = await newPortrait();
    fal.setFaults({ seed: 1, faults });
    const told = await train(id);
    expect(nameOf(told)).toBe(end);
    expect(told.avatar?.status).toBe(end === 'SUCCEEDED' ? 'READY' : 'FAILED');
    expect(told.error?.retryable ?? false).toBe(retryable.has(end));
  });
});

describe('a LoRA file that fal has forgotten', () => {
  const week = 7 * 24 * 60 * 60_000;
  const urlOf = async () =>
    (await likeness.app.prisma.avatar.findUniqueOrThrow({ where: { id: uuidIn(avatarId) } })).diffusersLoraFileUrl;

  test('is put back up from our copy before the next generation', async () => {
    await likeness.app.prisma.avatar.updateMany({ data: { loraSeenAt: null } });
    const before = await urlOf();
    expect(nameOf(await generate())).toBe('SUCCEEDED');
    expect(await urlOf()).toBe(before);

    aheadMs += week + 1;
    await likeness.app.prisma.avatar.updateMany({ data: { loraSeenAt: new Date(Date.now() - 61 * 60_000) } });
    const started = await ask(documents.generate, { input: { avatarId, prompt: 'at sea', preset: 'FAST' } });
    expect(nameOf(await endOf(started.id))).toBe('SUCCEEDED');
    const after = await urlOf();
    expect(after).not.toBe(before);
    // The job says what fal was sent.
    const { input } = await likeness.app.prisma.job.findUniqueOrThrow({ where: { id: uuidIn(started.id) } });
    expect(input).toMatchObject({ loras: [{ path: after }] });
    expect(likeness.logged.join()).toContain('fal had lost a LoRA file');
  });

  test('costs the one generation that was started within the hour, and its retry succeeds', async () => {
    aheadMs += week + 1;
    const told = await generate();
    expect(told.error).toMatchObject({ code: 'RESULT_LOST', retryable: true, field: 'avatarId' });
    expect(nameOf(await generate())).toBe('SUCCEEDED');
  });

  test('counts as there while fal’s file store does not answer', async () => {
    await likeness.app.prisma.avatar.updateMany({ data: { loraSeenAt: null } });
    const before = await urlOf();
    fal.setFaults({ seed: 1, faults: [{ on: 'download', nth: 1, do: 'answer', status: 503 }] });
    expect(nameOf(await generate())).toBe('SUCCEEDED');
    expect(await urlOf()).toBe(before);
  });
});
