/**
 * Adding a trainer takes its file and a line in the list: this test adds a made-up one to the list and replaces nothing
 * else. The real server, with its runner and the simulated fal, then plans it, trains with it and draws what it trained.
 */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Client } from '../../support/client.ts';
import { startLikeness, type TestLikeness } from '../../support/likeness.ts';

vi.mock('../../../src/training/models/models.ts', async (original) => {
  const { trainers } = await original<typeof import('../../../src/training/models/models.ts')>();
  const { madeUpTrainer } = await import('./made-up.ts');
  return { trainers: [...trainers, madeUpTrainer] };
});

let likeness: TestLikeness;
let client: Client;
let avatarId: string;
beforeAll(async () => {
  likeness = await startLikeness();
  client = likeness.client;
  avatarId = await client.createPortraitWithPhotos({ triggerPhrase: 'TOK_ada' });
});
afterAll(() => likeness.close());

const trainingFields = 'endpoint photoCount settings { ... on MadeUpTrainerSettings { laps triggerPhrase } }';
const planDocument = `query($input: StartTrainingInput!) { planTraining(input: $input) {
  ... on InvalidInputError { issues { path message } }
  ... on TrainingPlan { ${trainingFields} warnings price { credits estimatedUsd } } } }`;
const trainingDocument = `query($id: ID!) { node(id: $id) { ... on Training {
  status ${trainingFields} progress { percent totalSteps } cost { price } } } }`;
const inputOf = (madeUpTrainer: object) => ({ avatarId, preset: 'FAST', settings: { madeUpTrainer } });

const training = {
  endpoint: 'fal-ai/made-up-trainer',
  photoCount: 10,
  settings: { laps: 7, triggerPhrase: 'TOK_ada' },
};

test('the schema has its type, with its range', async () => {
  const document = '{ __type(name: "MadeUpTrainerInput") { inputFields { name description } } }';
  expect(await client.field(document)).toEqual({
    inputFields: [{ name: 'laps', description: 'The number of steps. Takes 5 to 50.' }],
  });
});

test('a plan shows its settings and price', async () => {
  expect(await client.field(planDocument, { input: inputOf({ laps: 7 }) })).toEqual({
    ...training,
    warnings: [],
    price: { credits: 20, estimatedUsd: 0.2 },
  });
});

test('a value out of its range is refused by its own name', async () => {
  expect(await client.field(planDocument, { input: inputOf({ laps: 51 }) })).toEqual({
    issues: [{ path: 'settings.madeUpTrainer.laps', message: 'Takes 5 to 50.' }],
  });
});

test('a training runs to its end, and the avatar draws with what it trained', async () => {
  const id = await client.startTraining(inputOf({ laps: 7 }));
  await client.untilSucceeded(id);
  expect(await client.field(trainingDocument, { id })).toEqual({
    ...training,
    status: 'SUCCEEDED',
    progress: { percent: 100, totalSteps: 7 },
    cost: { price: 20 },
  });
  const avatarDocument =
    'query($id: ID!) { node(id: $id) { ... on PortraitAvatar { status diffusersLoraFileUrl findings { code } } } }';
  expect(await client.field(avatarDocument, { id: avatarId })).toEqual({
    status: 'READY',
    diffusersLoraFileUrl: expect.any(String),
    findings: [],
  });
  const generationId = await client.startGeneration({ avatarId, prompt: 'at sea', preset: 'FAST' });
  await client.untilSucceeded(generationId);
  const generationDocument = 'query($id: ID!) { node(id: $id) { ... on Generation { endpoint images { width } } } }';
  expect(await client.field(generationDocument, { id: generationId })).toEqual({
    endpoint: 'fal-ai/flux-lora',
    images: [{ width: 512 }],
  });
});
