/** A trainer is added by its description alone: one in the list trains from GraphQL to fal and back, and nothing else knows it. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { schema } from '../../../src/app/schema.ts';
import { createFal } from '../../../src/fal/client.ts';
import { trainingTask } from '../../../src/training/task.ts';
import { type Generations, openGenerations, uuidIn } from '../../support/generations.ts';
import { photoArchive, simulate } from '../../support/simulator.ts';

vi.mock('../../../src/training/models/models.ts', async (original) => {
  const { trainers } = await original<typeof import('../../../src/training/models/models.ts')>();
  const { madeUpTrainer } = await import('./made-up.ts');
  return { trainers: [...trainers, madeUpTrainer] };
});

let server: Generations;
beforeAll(async () => {
  server = await openGenerations();
});
afterAll(() => server.close());

const columns = 'endpoint settings { ... on MadeUpTrainerSettings { laps triggerPhrase } }';
const planned = `query ($input: StartTrainingInput!) { planTraining(input: $input) {
  ... on InvalidInputError { issues { path message } }
  ... on TrainingPlan { ${columns} warnings price { credits estimatedUsd } } } }`;
const started = `mutation ($input: StartTrainingInput!) { startTraining(input: $input) { ... on Training { id ${columns} } } }`;

async function ask<Data>(document: string, input: object): Promise<Data> {
  const { data, errors } = await server.run(document, { input });
  if (errors?.[0]) throw errors[0];
  return JSON.parse(JSON.stringify(data)) as Data;
}

it('is planned, started, trained by the simulated fal and kept', async () => {
  expect(schema.getType('MadeUpTrainerInput')).toBeDefined();
  const { simulator } = await simulate();
  const fal = createFal({ key: simulator.key, baseUrl: simulator.url });
  const datasetUrl = await fal.upload(await photoArchive(4), { fileName: 'photos.zip' });
  const draft = { status: 'DRAFT', diffusersLoraFileUrl: null } as const;
  const { id, globalId: avatarId } = await server.addAvatar('PORTRAIT', draft);
  const input = { avatarId, datasetUrl, preset: 'FAST', settings: { madeUpTrainer: { laps: 7 } } };

  const trained = { endpoint: 'fal-ai/made-up-trainer', settings: { laps: 7, triggerPhrase: 'TOK_ada' } };
  expect(await ask(planned, input)).toEqual({
    planTraining: { ...trained, warnings: [], price: { credits: 20, estimatedUsd: 0.2 } },
  });
  const { startTraining } = await ask<{ startTraining: { id: string } }>(started, input);
  expect(startTraining).toMatchObject(trained);
  const where = { id: uuidIn(startTraining.id) };
  const job = await server.prisma.job.findUniqueOrThrow({ where });

  const task = trainingTask({ ...server.app, allowLoopback: true, fal });
  const signal = AbortSignal.timeout(60_000);
  const { input: sent } = await task.prepare(job, signal);
  expect(sent).toEqual({ laps: 7, trigger_phrase: 'TOK_ada', archive_url: datasetUrl });
  const { requestId } = await fal.submit(job.endpoint as never, sent);
  for await (const { status } of fal.follow(job.endpoint as never, requestId, signal))
    if (status === 'COMPLETED') break;
  const copied = await task.copy(job, await fal.result(job.endpoint as never, requestId), signal);
  expect(task.totalSteps(job)).toBe(7);
  expect(task.fieldName(job, 'archive_url')).toBe('datasetUrl');
  expect(task.fieldName(job, 'laps')).toBe('settings.madeUpTrainer.laps');
  await server.move(job, 'IN_QUEUE', 'FINALIZING');
  await server.prisma.$transaction(async (tx) => {
    await server.app.files.record(tx, copied.files);
    const { delivered: _delivered, ...kept } = await task.keep(tx, job, copied);
    await tx.job.update({ where, data: { status: 'SUCCEEDED', percent: 100, finishedAt: new Date(), ...kept } });
  });
  expect(await server.prisma.avatar.findUniqueOrThrow({ where: { id } })).toMatchObject({ status: 'READY' });
  await fal.close();
});

it('refuses a value out of its range by its own name', async () => {
  const { globalId: avatarId } = await server.addAvatar('PORTRAIT');
  const input = { avatarId, datasetUrl: 'https://example.com/a.zip', settings: { madeUpTrainer: { laps: 51 } } };
  expect(await ask(planned, input)).toEqual({
    planTraining: { issues: [{ path: 'settings.madeUpTrainer.laps', message: 'Takes 5 to 50.' }] },
  });
});
