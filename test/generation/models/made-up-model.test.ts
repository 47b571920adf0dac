/**
 * Adding a model that draws takes its file and a line in the list: this test adds a made-up one to the list and replaces
 * nothing else. The real server, with its runner and the simulated fal, then plans it, draws with it and returns it.
 */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Client } from '../../support/client.ts';
import { startLikeness, type TestLikeness } from '../../support/likeness.ts';

vi.mock('../../../src/generation/models/models.ts', async (original) => {
  const { drawingModels } = await original<typeof import('../../../src/generation/models/models.ts')>();
  const { madeUp } = await import('./made-up.ts');
  return { drawingModels: [...drawingModels, madeUp] };
});

let likeness: TestLikeness;
let client: Client;
let avatarId: string;
beforeAll(async () => {
  likeness = await startLikeness();
  client = likeness.client;
  avatarId = await client.createPortraitWithPhotos({ triggerPhrase: 'TOK_ada' });
  await client.untilSucceeded(await client.startTraining({ avatarId, preset: 'FAST' }));
});
afterAll(() => likeness.close());

const settingsFields = 'settings { ... on MadeUpSettings { loraScale size { preset } paces glow numImages seed } }';
const planDocument = `query($input: StartGenerationInput!) { planGeneration(input: $input) {
  ... on InvalidInputError { issues { path message } }
  ... on GenerationPlan { endpoint warnings typicalSeconds { min max } price { credits estimatedUsd } ${settingsFields} } } }`;
const generationDocument = `query($id: ID!) { node(id: $id) { ... on Generation {
  status endpoint finalPrompt seed ${settingsFields} progress { percent totalSteps } cost { price }
  images { width height contentType url } } } }`;

const settings = { loraScale: 0.9, size: { preset: 'SQUARE' }, paces: 3, glow: true, numImages: 2, seed: 7 };
const inputOf = (madeUp: object) => ({ avatarId, prompt: 'a knight', numImages: 2, seed: 7, settings: { madeUp } });

test('the schema has its types, with their ranges', async () => {
  const document = '{ __type(name: "MadeUpInput") { description inputFields { name description } } }';
  expect(await client.field(document)).toMatchObject({
    description: expect.stringContaining('fal-ai/made-up/lora'),
    inputFields: expect.arrayContaining([
      { name: 'paces', description: 'The number of steps. Takes 2 to 9.' },
      { name: 'glow', description: 'Whether the picture glows.' },
    ]),
  });
});

test('the server lists its endpoint', async () => {
  expect(await client.field('{ server { endpoints { name kind price { usd per } } } }')).toMatchObject({
    endpoints: expect.arrayContaining([
      { name: 'fal-ai/made-up/lora', kind: 'GENERATION', price: { usd: 0.02, per: 'IMAGE' } },
    ]),
  });
});

test('its preset shows its numbers', async () => {
  const document = `{ generationPresets { name settingsFor { __typename ... on MadeUpSettings { paces loraScale } } } }`;
  expect(await client.field(document)).toContainEqual({
    name: 'FAST',
    settingsFor: expect.arrayContaining([{ __typename: 'MadeUpSettings', paces: 3, loraScale: 0.9 }]),
  });
});

test('a plan shows its settings, price and typical duration', async () => {
  expect(await client.field(planDocument, { input: inputOf({ glow: true }) })).toEqual({
    endpoint: 'fal-ai/made-up/lora',
    settings,
    warnings: [],
    typicalSeconds: { min: 2, max: 4 },
    price: { credits: 6, estimatedUsd: 0.04 },
  });
});

test('a generation runs to its end and returns its settings and pictures', async () => {
  const id = await client.startGeneration(inputOf({ glow: true }));
  await client.untilSucceeded(id);
  const generation = await client.field(generationDocument, { id });
  const image = { width: 512, height: 512, contentType: 'image/jpeg', url: expect.any(String) };
  expect(generation).toEqual({
    status: 'SUCCEEDED',
    endpoint: 'fal-ai/made-up/lora',
    finalPrompt: 'TOK_ada a knight',
    seed: '7',
    settings,
    progress: { percent: 100, totalSteps: 3 },
    cost: { price: 6 },
    images: [image, image],
  });
  const [first] = generation['images'] as { url: string }[];
  expect((await fetch(first?.url ?? '')).headers.get('content-type')).toBe('image/jpeg');
});

test('a value out of its range is refused by its own name', async () => {
  expect(await client.field(planDocument, { input: inputOf({ paces: 10 }) })).toEqual({
    issues: [{ path: 'settings.madeUp.paces', message: 'Takes 2 to 9.' }],
  });
});
