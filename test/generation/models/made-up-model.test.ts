/** A model is added by its description alone: one in the list draws from GraphQL to fal and back, and nothing else knows it. */
import { GraphQLInputObjectType, GraphQLObjectType, printSchema } from 'graphql';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { schema } from '../../../src/app/schema.ts';
import { createFal } from '../../../src/fal/client.ts';
import { generationTask } from '../../../src/generation/task.ts';
import { type Generations, openGenerations, uuidIn } from '../../support/generations.ts';
import { simulate, trainPortrait } from '../../support/simulator.ts';

vi.mock('../../../src/generation/models/models.ts', async (original) => {
  const { drawingModels } = await original<typeof import('../../../src/generation/models/models.ts')>();
  const { madeUp } = await import('./made-up.ts');
  return { drawingModels: [...drawingModels, madeUp] };
});

let server: Generations;
beforeAll(async () => {
  server = await openGenerations();
});
afterAll(() => server.close());

const planned = /* GraphQL */ `
  query ($input: StartGenerationInput!) {
    planGeneration(input: $input) {
      __typename
      ... on InvalidInputError { issues { path message } }
      ... on GenerationPlan {
        endpoint warnings typicalSeconds { min max } price { credits estimatedUsd }
        settings { ... on MadeUpSettings { loraScale size { preset } paces glow numImages seed } }
      }
    }
  }
`;
const started = /* GraphQL */ `
  mutation ($input: StartGenerationInput!) { startGeneration(input: $input) { ... on Generation { id endpoint } } }
`;

async function ask(document: string, input: object) {
  const { data, errors } = await server.run(document, { input });
  if (errors?.[0]) throw errors[0];
  return JSON.parse(JSON.stringify(data)) as Record<string, unknown>;
}

it('has its GraphQL types', () => {
  expect(schema.getType('MadeUpInput')).toBeInstanceOf(GraphQLInputObjectType);
  expect(schema.getType('MadeUpSettings')).toBeInstanceOf(GraphQLObjectType);
  expect(printSchema(schema)).toContain('The number of steps. Takes 2 to 9.');
});

it('is planned, started, drawn by the simulated fal and read back', async () => {
  const { fal: client, simulator } = await simulate();
  const diffusersLoraFileUrl = await trainPortrait(client);
  const { globalId: avatarId } = await server.addAvatar('PORTRAIT', { diffusersLoraFileUrl });
  const input = { avatarId, prompt: 'a knight', numImages: 2, seed: 7, settings: { madeUp: { glow: true } } };

  const settings = { loraScale: 0.9, size: { preset: 'SQUARE' }, paces: 3, glow: true, numImages: 2, seed: 7 };
  expect(await ask(planned, input)).toEqual({
    planGeneration: {
      __typename: 'GenerationPlan',
      endpoint: 'fal-ai/made-up/lora',
      settings,
      warnings: [],
      typicalSeconds: { min: 2, max: 4 },
      price: { credits: 6, estimatedUsd: 0.04 },
    },
  });
  const { startGeneration } = (await ask(started, input)) as { startGeneration: { id: string } };
  const where = { id: uuidIn(startGeneration.id) };
  const job = await server.prisma.job.findUniqueOrThrow({ where });

  const fal = createFal({ key: simulator.key, baseUrl: simulator.url });
  const task = generationTask({ ...server.app, allowLoopback: true, fal });
  const signal = AbortSignal.timeout(60_000);
  const prepared = await task.prepare(job, signal);
  const { requestId } = await fal.submit('fal-ai/made-up/lora' as typeof job.endpoint as never, prepared.input);
  for await (const { status } of fal.follow(job.endpoint as never, requestId, signal))
    if (status === 'COMPLETED') break;
  const copied = await task.copy(job, await fal.result(job.endpoint as never, requestId), signal);
  expect(copied.images.map(({ width, height }) => [width, height])).toEqual([
    [512, 512],
    [512, 512],
  ]);
  expect(task.totalSteps(job)).toBe(3);
  expect(task.fieldName(job, 'enable_glow')).toBe('settings.madeUp.glow');
  await server.move(job, 'IN_QUEUE', 'FINALIZING');
  await server.prisma.$transaction(async (tx) => {
    await server.app.files.record(tx, copied.files);
    const { delivered, ...columns } = await task.keep(tx, job, copied);
    expect(delivered).toBe(2);
    await tx.job.update({ where, data: { status: 'SUCCEEDED', percent: 100, finishedAt: new Date(), ...columns } });
  });
  await fal.close();
});

it('refuses a value out of its range by its own name', async () => {
  const { globalId: avatarId } = await server.addAvatar('PORTRAIT');
  const input = { avatarId, prompt: 'a knight', settings: { madeUp: { paces: 10 } } };
  expect(await ask(planned, input)).toMatchObject({
    planGeneration: { issues: [{ path: 'settings.madeUp.paces', message: 'Takes 2 to 9.' }] },
  });
});
