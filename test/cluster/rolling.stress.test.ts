/** A rolling restart under load: three processes behind a load balancer, each told to stop and started again in turn. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Balancer, openBalancer } from '../support/balancer.ts';
import { Client } from '../support/client.ts';
import { databases, tellSkipped } from '../support/databases.ts';
import type { ServerProcess } from '../support/process.ts';
import { hasRedis, tellSkippedRedis } from '../support/redis.ts';
import { ClusterWorld } from './world.ts';

tellSkipped();
tellSkippedRedis();

/** The balancer asks five times a second how each server is; on a busy machine it takes seconds to notice a drain. */
const drainSeconds = '5';

describe.runIf(databases.length > 1 && hasRedis)('a rolling restart', () => {
  let world: ClusterWorld;
  let servers: ServerProcess[] = [];
  let balancer: Balancer;
  beforeAll(async () => {
    world = await ClusterWorld.open();
    servers = await Promise.all(Array.from({ length: 3 }, () => world.start({ DRAIN_SECONDS: drainSeconds })));
    balancer = await openBalancer(() => servers.map(({ url }) => url));
  });
  afterAll(async () => {
    await balancer.close();
    await world.close();
  });

  test('fails no request, loses no event and sends nothing twice', async () => {
    const client = new Client(() => balancer.url);
    const avatarId = await client.trainPortrait();
    const submits = () => world.gate.count(/^POST \/fal-ai\/flux-lora\b/);
    const before = submits();
    const followed: ReturnType<Client['follow']>[] = [];
    const ids: string[] = [];
    let reads = 0;
    const over = new AbortController();
    // At most four jobs at a time for each of these, so that a slow machine has no more to do than it can.
    const starting = async () => {
      const mine: ReturnType<Client['follow']>[] = [];
      while (!over.signal.aborted) {
        const id = await client.startGeneration({ avatarId, numImages: 1 });
        ids.push(id);
        mine.push(client.follow(id));
        followed.push(...mine.slice(-1));
        if (mine.length === 4) await mine.shift()?.whole;
      }
    };
    const reading = async () => {
      for (; !over.signal.aborted; reads += 1) {
        const id = ids.at(-1);
        if (id !== undefined) await client.job(id);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    // Any request that fails ends them.
    const clients = Promise.all([starting(), starting(), ...Array.from({ length: 4 }, reading)]);
    await vi.waitFor(() => expect(ids.length).toBeGreaterThan(4));
    const restarting = (async () => {
      for (let index = 0; index < servers.length; index += 1) {
        expect(await servers[index]?.end('SIGTERM')).toBe(0);
        servers[index] = await world.start({ DRAIN_SECONDS: drainSeconds });
      }
      over.abort();
    })();
    await Promise.all([clients, restarting]);
    for (const { whole } of followed) {
      const seen = await whole;
      expect(seen.map(({ sequence }) => sequence)).toEqual(seen.map((_, n) => n + 1));
      expect(seen.at(-1)?.__typename).toBe('JobSucceeded');
    }
    expect(submits() - before).toBe(ids.length);
    expect(reads).toBeGreaterThan(50);
  }, 180_000);
});
