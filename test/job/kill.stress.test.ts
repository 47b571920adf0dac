/**
 * kill -9 at moments that nobody chose, while many jobs run and clients follow them. What must hold holds at the end.
 * CHAOS_SEED runs a seed again: the moments of the kills follow from it, what they meet does not.
 */
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { textOf } from '../../src/fal-simulator/queue/request.ts';
import { type Simulator, startSimulator } from '../../src/fal-simulator/server.ts';
import { Client } from '../support/client.ts';
import { subscribe } from '../support/http.ts';
import { newDataFolder } from '../support/likeness.ts';
import { freePort, type ServerProcess, startProcess } from '../support/process.ts';
import { clientOf, trainStyle } from '../support/simulator.ts';

const jobs = 30;
const kills = 3;
const seed = Number(process.env['CHAOS_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

const eventsDocument = `subscription($jobId: ID!, $after: Int) { jobEvents(jobId: $jobId, after: $after) { __typename sequence } }`;

type Seen = { __typename: string; sequence: number };

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Mulberry32: at least 0, under 1. */
function randomOf(state: number): () => number {
  let at = state;
  return () => {
    at = (at + 0x6d2b79f5) | 0;
    let mixed = Math.imul(at ^ (at >>> 15), 1 | at);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const { dataDir, remove } = newDataFolder();
let simulator: Simulator;
let env: Record<string, string>;
let server: ServerProcess;
let avatarId: string;
const client = new Client(() => server.url);

beforeAll(async () => {
  simulator = await startSimulator({ dataDir: undefined, speed: 'quick' });
  const finetuneId = await trainStyle(clientOf(simulator));
  env = {
    PORT: String(await freePort()),
    DATA_DIR: dataDir,
    FAL_MODE: 'live',
    FAL_KEY: simulator.key,
    FAL_BASE_URL: simulator.url,
  };
  server = await startProcess(env);
  avatarId = await client.importStyle(finetuneId);
});
afterAll(async () => {
  await server.end('SIGTERM');
  await simulator.close();
  remove();
});

/** Again and again while the server is down. */
async function insist<Result>(ask: () => Promise<Result | undefined>): Promise<Result> {
  for (;;) {
    const result = await ask().catch(() => undefined);
    if (result !== undefined) return result;
    await pause(100);
  }
}

/** With a key, so that an answer that was lost with the server is asked for again and starts nothing twice. */
const startGeneration = (n: number) =>
  insist(() =>
    client.startGeneration({ avatarId, prompt: `picture ${n}`, preset: 'FAST', idempotencyKey: `chaos-${n}` }),
  );

/** Follows to the end, resuming behind the last number that it saw. */
async function follow(jobId: string): Promise<Seen[]> {
  const seen: Seen[] = [];
  while (!/Succeeded|Failed|Cancelled/.test(seen.at(-1)?.__typename ?? '')) {
    const after = seen.at(-1)?.sequence ?? 0;
    try {
      for await (const { data } of subscribe<{ jobEvents: Seen }>(server.url, eventsDocument, { jobId, after })) {
        if (data) seen.push(data.jobEvents);
      }
    } catch {
      await pause(100);
    }
  }
  return seen;
}

test(`${jobs} jobs, ${kills} kills, seed ${seed}`, { timeout: 120_000 }, async () => {
  const random = randomOf(seed);
  const following = Promise.all(
    Array.from({ length: jobs }, async (_, n) => {
      // Not all at once: a kill would meet the submits of all.
      await pause(150 * n);
      const id = await startGeneration(n);
      return { id, seen: await follow(id) };
    }),
  );
  for (let n = 0; n < kills; n += 1) {
    await pause(200 + 1_800 * random());
    await server.end('SIGKILL');
    server = await startProcess(env);
  }
  const followed = await following;

  for (const { seen } of followed) {
    expect(seen.map(({ sequence }) => sequence)).toEqual(seen.map((_, n) => n + 1));
    expect(seen.filter(({ __typename }) => /Succeeded|Failed|Cancelled/.test(__typename))).toHaveLength(1);
  }
  const told = await Promise.all(followed.map(({ id }) => client.job(id)));
  expect(new Set(followed.map(({ id }) => id)).size).toBe(jobs);
  expect(new Set(told.map(({ prompt }) => prompt)).size).toBe(jobs);
  // A kill between the request and its answer loses the answer, and nothing else may go wrong.
  const failures = told.filter(({ status }) => status !== 'SUCCEEDED');
  expect(failures.map(({ error }) => error?.code)).toEqual(failures.map(() => 'SUBMIT_UNCONFIRMED'));
  expect(failures.length).toBeLessThan(jobs);
  // At most one request at fal for each.
  const requests = simulator.record.requests().filter(({ endpoint }) => endpoint === 'fal-ai/flux-pro/finetuned');
  const prompts = requests.map(({ input }) => textOf(input, 'prompt'));
  expect(prompts.length).toBe(new Set(prompts).size);
  expect(prompts.length).toBeGreaterThanOrEqual(jobs - failures.length);
  for (const { images = [] } of told.filter(({ status }) => status === 'SUCCEEDED')) {
    expect(images).toHaveLength(1);
    const picture = await (await fetch(images[0]?.url ?? '')).arrayBuffer();
    expect((await sharp(picture).stats()).channels.length).toBe(3);
  }
});
