/**
 * kill -9 in every state of a job. A client follows all the while and resumes by sequence number; fal is the simulated
 * one, with its clock in this test's hand, behind a gate that can hold any request.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ManualClock, manualClock } from '../../../src/fal-simulator/clock.ts';
import { type Simulator, startSimulator } from '../../../src/fal-simulator/server.ts';
import { Client } from '../../support/client.ts';
import { databases, type ServerDatabase, tellSkipped } from '../../support/databases.ts';
import type { Seen } from '../../support/follow.ts';
import { type Gate, openGate } from '../../support/gate.ts';
import { freePort, type ServerProcess, startProcess } from '../../support/process.ts';

tellSkipped();

describe.each(databases)('kill -9 and start again on %s', (_name, open) => {
  let database: ServerDatabase;
  let clock: ManualClock;
  let simulator: Simulator;
  let gate: Gate;
  let env: Record<string, string>;
  let server: ServerProcess;
  let avatarId: string;
  beforeAll(async () => {
    clock = manualClock(Date.now());
    database = await open();
    simulator = await startSimulator({ dataDir: undefined, speed: 'quick', clock });
    gate = await openGate(simulator.url);
    env = {
      PORT: String(await freePort()),
      ...database.env,
      FAL_MODE: 'live',
      FAL_KEY: simulator.key,
      FAL_BASE_URL: gate.url,
    };
    server = await startProcess(env);
  });
  afterAll(async () => {
    await server.end('SIGTERM');
    await gate.close();
    await simulator.close();
    await database.remove();
  });

  const killAndStart = async () => {
    await server.end('SIGKILL');
    server = await startProcess(env);
  };
  const client = new Client(() => server.url);
  const generate = () => client.startGeneration({ avatarId, numImages: 2 });

  /** Moves fal's time on until the job has ended. */
  const letFalWork = async (whole: Promise<Seen[]>) => {
    const tick = async (): Promise<'TICK'> => {
      clock.advance(100);
      await new Promise((resolve) => setTimeout(resolve, 20));
      return 'TICK';
    };
    while ((await Promise.race([whole, tick()])) === 'TICK');
  };

  const expectWhole = (seen: Seen[], end: string) => {
    expect(seen.map(({ sequence }) => sequence)).toEqual(seen.map((_, n) => n + 1));
    expect(seen.filter(({ __typename }) => /Succeeded|Failed|Cancelled/.test(__typename))).toHaveLength(1);
    expect(seen.at(-1)?.__typename).toBe(end);
  };
  const expectPictures = async (id: string) => {
    const { status, images = [] } = await client.job(id);
    expect([status, images.length]).toEqual(['SUCCEEDED', 2]);
    for (const { url } of images) expect((await fetch(url)).status).toBe(200);
  };

  test('QUEUED, while the photos go up: the training goes on and is sent once', async () => {
    avatarId = await client.createPortrait();
    await client.addPhotos(avatarId);
    const held = gate.hold(/storage\/upload/, 'BEFORE');
    const trainingId = await client.startTraining({ avatarId });
    await held.reached;
    const { whole } = client.follow(trainingId);
    await killAndStart();
    held.release();
    await letFalWork(whole);
    expectWhole(await whole, 'JobSucceeded');
    expect(gate.count(/^POST \/fal-ai\/flux-lora-portrait-trainer/)).toBe(1);
    expect(await client.job(trainingId)).toMatchObject({ avatar: { status: 'READY' } });
  });

  test.each([
    ['before fal has it', 'BEFORE', 0],
    ['after fal has it', 'AFTER', 1],
  ] as const)('QUEUED, while the submit is under way, %s: it is not sent again', async (_name, when, received) => {
    const before = gate.count(/^POST \/fal-ai\/flux-lora\b/);
    const held = gate.hold(/^POST \/fal-ai\/flux-lora\b/, when);
    const id = await generate();
    await held.reached;
    const { whole } = client.follow(id);
    await killAndStart();
    held.release();
    expectWhole(await whole, 'JobFailed');
    expect((await client.job(id)).error).toEqual({ code: 'SUBMIT_UNCONFIRMED' });
    expect(gate.count(/^POST \/fal-ai\/flux-lora\b/) - before).toBe(received);
  });

  test.each([
    ['IN_QUEUE', 'JobSubmitted', 0],
    ['IN_PROGRESS', 'JobStarted', 1_500],
  ])('%s: it is followed again, to its pictures', async (_state, type, laterMs) => {
    const before = gate.count(/^POST \/fal-ai\/flux-lora\b/);
    const id = await generate();
    const { whole, until } = client.follow(id);
    await until('JobSubmitted');
    if (laterMs > 0) clock.advance(laterMs);
    await until(type);
    await killAndStart();
    await letFalWork(whole);
    expectWhole(await whole, 'JobSucceeded');
    await expectPictures(id);
    expect(gate.count(/^POST \/fal-ai\/flux-lora\b/) - before).toBe(1);
  });

  test.each([
    ['while the result is read', /^GET \/fal-ai\/flux-lora\/requests\/[^/]+$/],
    ['while a picture is copied', /^GET \/files\//],
  ])('FINALIZING, %s: every picture is kept, once', async (_name, request) => {
    const held = gate.hold(request, 'AFTER');
    const id = await generate();
    const { whole } = client.follow(id);
    await Promise.race([letFalWork(whole), held.reached]);
    await held.reached;
    await killAndStart();
    held.release();
    await letFalWork(whole);
    expectWhole(await whole, 'JobSucceeded');
    await expectPictures(id);
    expect((await client.job(id)).error).toBeNull();
  });

  test('ended: nothing changes', async () => {
    const id = await generate();
    const { whole } = client.follow(id);
    await letFalWork(whole);
    const before = await client.job(id);
    await killAndStart();
    expect({ ...(await client.job(id)), images: [] }).toEqual({ ...before, images: [] });
    await expectPictures(id);
  });
});
