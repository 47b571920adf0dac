/** Several processes that share the work: who dies, stands still or is cut off loses nothing and does nothing twice. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Client } from '../support/client.ts';
import { databases, tellSkipped } from '../support/databases.ts';
import type { Seen } from '../support/follow.ts';
import type { ServerProcess } from '../support/process.ts';
import { hasRedis, tellSkippedRedis } from '../support/redis.ts';
import { ClusterWorld } from './world.ts';

tellSkipped();
tellSkippedRedis();

const expectWhole = (seen: Seen[], end: string) => {
  expect(seen.map(({ sequence }) => sequence)).toEqual(seen.map((_, n) => n + 1));
  expect(seen.filter(({ __typename }) => /Succeeded|Failed|Cancelled/.test(__typename))).toHaveLength(1);
  expect(seen.at(-1)?.__typename).toBe(end);
};

describe.runIf(databases.length > 1 && hasRedis)('a web process and its workers', () => {
  let world: ClusterWorld;
  let web: ServerProcess;
  const client = new Client(() => web.url);
  const generate = (prompt = 'at sea') => client.startGeneration({ avatarId, prompt, numImages: 1 });
  let avatarId: string;
  beforeAll(async () => {
    world = await ClusterWorld.open();
    web = await world.start({ ROLE: 'web' });
    const worker = await world.start({ ROLE: 'worker' });
    avatarId = await client.trainPortrait();
    await worker.end('SIGTERM');
  });
  afterAll(() => world.close());

  /** Ends with the test. */
  const startWorker = async (env: Record<string, string> = {}) => {
    const worker = await world.start({ ROLE: 'worker', ...env });
    onTestFinished(async () => void (await worker.end('SIGKILL')));
    return worker;
  };
  const submits = () => world.gate.count(/^POST \/fal-ai\/flux-lora\b/);

  test('a web process works no jobs, and a worker serves none: /health and /ready only', async () => {
    const id = await generate();
    const worker = await startWorker();
    for (const path of ['/health', '/ready']) expect((await fetch(worker.url + path)).status).toBe(200);
    for (const path of ['/graphql?query={__typename}', '/', '/files/x', '/webhooks/fal/x']) {
      expect((await fetch(worker.url + path)).status).toBe(404);
    }
    expectWhole(await client.follow(id).whole, 'JobSucceeded');
    const [image] = (await client.job(id)).images ?? [];
    expect((await fetch(image?.url ?? '')).status).toBe(200);
  });

  /** Starts a job at the one worker there is, lets it come so far, brings another worker, and kills the first. */
  const killAt = async (held: RegExp) => {
    const first = await startWorker();
    const hold = world.gate.hold(held, 'AFTER');
    const id = await generate();
    await hold.reached;
    await startWorker();
    await first.end('SIGKILL');
    hold.release();
    return { id, seen: await client.follow(id).whole };
  };

  test('kill -9 of the one that is sending a job: it is not sent again', async () => {
    const before = submits();
    const { id, seen } = await killAt(/^POST \/fal-ai\/flux-lora\b/);
    expectWhole(seen, 'JobFailed');
    expect((await client.job(id)).error).toEqual({ code: 'SUBMIT_UNCONFIRMED' });
    expect(submits() - before).toBe(1);
  });

  test.each([
    ['while the result is read', /^GET \/fal-ai\/flux-lora\/requests\/[^/]+$/],
    ['while a picture is copied', /^GET \/files\//],
  ])(
    'kill -9 of the one that has a job, FINALIZING, %s: another brings it to its pictures',
    async (_state, held) => {
      const before = submits();
      const { id, seen } = await killAt(held);
      expectWhole(seen, 'JobSucceeded');
      expect((await client.job(id)).images).toHaveLength(1);
      expect(submits() - before).toBe(1);
    },
    90_000,
  );

  test.each([
    ['IN_QUEUE', '[[queued]]', 'JobSubmitted'],
    ['IN_PROGRESS', '[[stuck]]', 'JobStarted'],
  ])(
    'kill -9 of the one that follows a job %s: another follows it',
    async (_state, prompt, type) => {
      const before = submits();
      const first = await startWorker();
      const id = await generate(`at sea ${prompt}`);
      const { whole, until } = client.follow(id);
      await until(type);
      await startWorker();
      const asked = () => world.gate.count(/^GET \/fal-ai\/flux-lora\/requests\//);
      await first.end('SIGKILL');
      const askedBefore = asked();
      await vi.waitFor(() => expect(asked()).toBeGreaterThan(askedBefore));
      await client.cancelJob(id);
      expectWhole(await whole, 'JobCancelled');
      expect(submits() - before).toBe(1);
    },
    90_000,
  );

  test('one that stands still past its lease and wakes up writes nothing more of what another has taken', async () => {
    const before = submits();
    const frozen = await startWorker();
    const hold = world.gate.hold(/^GET \/files\//, 'AFTER');
    const id = await generate();
    const { whole } = client.follow(id);
    await hold.reached;
    process.kill(frozen.pid, 'SIGSTOP');
    const other = await startWorker();
    expectWhole(await whole, 'JobSucceeded');
    const told = await client.job(id);
    await other.end('SIGTERM');
    // It wakes up with the picture in its hands, and works the next job to its end.
    hold.release();
    process.kill(frozen.pid, 'SIGCONT');
    expectWhole(await client.follow(await generate()).whole, 'JobSucceeded');
    const { images: _images, ...now } = await client.job(id);
    expect(told).toMatchObject(now);
    expect(now.events.edges.map(({ node }) => node.sequence)).toEqual(now.events.edges.map((_, n) => n + 1));
    expect(submits() - before).toBe(2);
  });

  test('connections cut between any two: everything comes to its end, and is sent once', async () => {
    const before = submits();
    await Promise.all([startWorker(), startWorker()]);
    const jobs: { whole: Promise<Seen[]> }[] = [];
    const start = async (count: number) => {
      const ids = await Promise.all(Array.from({ length: count }, () => generate()));
      for (const id of ids) jobs.push(client.follow(id));
    };
    await start(6);
    await world.redis.stop();
    await start(6);
    await world.redis.start();
    await start(6);
    await world.proxy.cut();
    await vi.waitFor(async () => expect((await fetch(`${web.url}/ready`)).status).toBe(503));
    await world.proxy.mend();
    await vi.waitFor(async () => expect((await fetch(`${web.url}/ready`)).status).toBe(200));
    await start(6);
    const ends = (await Promise.all(jobs.map(async ({ whole }) => await whole))).map((seen) => {
      expect(seen.map(({ sequence }) => sequence)).toEqual(seen.map((_, n) => n + 1));
      return seen.at(-1)?.__typename;
    });
    // Of a submit that was under way while the database was gone, the answer could not be written.
    const lost = ends.filter((end) => end === 'JobFailed').length;
    expect(ends.filter((end) => end === 'JobSucceeded')).toHaveLength(24 - lost);
    expect(lost).toBeLessThan(12);
    expect(submits() - before).toBeLessThanOrEqual(24);
  });
});
