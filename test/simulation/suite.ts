/**
 * The core under interleavings of fal, webhooks, cancels, crashes and clients. A failure prints fast-check's seed and path.
 * `npm run interleavings -- --seed 7 --path 12:0` repeats it; `npm run interleavings -- --runs 10000` plays more schedules.
 */
import type { PGlite } from '@electric-sql/pglite';
import {
  type Arbitrary,
  array,
  assert,
  asyncProperty,
  boolean,
  constantFrom,
  nat,
  record,
  type Scheduler,
  scheduler,
} from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { EmbeddedDatabase } from '../../src/database/embedded-database.ts';
import { openTestDatabase } from '../support/database.ts';
import { broken } from './invariants.ts';
import { type Plan, World } from './world.ts';

const fate = constantFrom('ACCEPTED', 'ACCEPTED', 'ANSWER_LOST', 'NEVER_SENT', 'THROTTLED', 'UNREACHABLE');
const job = record({
  owner: constantFrom(0 as const, 1 as const),
  submits: array(fate as Arbitrary<Plan['jobs'][number]['submits'][number]>, { maxLength: 2 }),
  webhooks: nat(2),
  earlyWebhook: boolean(),
  faults: nat(2),
  streamBreaks: nat(2),
  stops: boolean(),
  cancel: boolean(),
  retry: boolean(),
  drops: nat(2),
});
const plans: Arbitrary<Plan> = record({
  jobs: array(job, { minLength: 1, maxLength: 3 }),
  crashes: nat(2),
  expiries: nat(2),
  ticks: array(constantFrom(300, 2_000, 26_000, 70_000), { maxLength: 3 }),
  lostNudges: array(boolean(), { maxLength: 4 }),
});

/** Plays `runs` schedules of each seed, or the one schedule that `path` names, and `repeated` others twice. */
export function describeSimulation(
  seeds: [name: string, seed: number][],
  { runs, repeated, path }: { runs: number; repeated: number; path?: string | undefined },
): void {
  describe('the core, simulated', () => {
    let database: EmbeddedDatabase;
    let busy = 0;
    beforeAll(async () => {
      database = await openTestDatabase();
      countCalls(database.pglite, (change) => {
        busy += change;
      });
    });
    afterAll(() => database.close());
    beforeEach(() => {
      vi.useFakeTimers({
        toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
        now: Date.UTC(2026, 0, 1),
      });
    });
    afterEach(() => {
      vi.useRealTimers();
    });

    const play = async (order: Scheduler, plan: Plan): Promise<World> => {
      await database.prisma
        .$executeRaw`UPDATE "FalBudget" SET "turn" = 0, "submits" = '{}', "pausedUntil" = NULL, "toldAt" = NULL`;
      const copy = structuredClone(plan);
      const world = new World({ prisma: database.prisma, busy: () => busy, scheduler: order, plan: copy });
      await world.run();
      expect(await broken(world, plan, database.prisma)).toEqual([]);
      return world;
    };

    test.each(seeds)('every schedule of %s ends well', { timeout: 3_600_000 }, async (_name, seed) => {
      let played = 0;
      const property = asyncProperty(scheduler(), plans, async (order, plan) => {
        played += 1;
        await play(order, plan);
      });
      await assert(property, { seed, numRuns: runs, endOnFailure: true, ...(path !== undefined && { path }) });
      expect(played).toBe(path === undefined ? runs : 1);
    });

    test('a seed gives the same schedule each time', async () => {
      const traces: string[][] = [[], []];
      for (const trace of traces) {
        const once = asyncProperty(scheduler(), plans, async (order, plan) => {
          trace.push(...(await play(order, plan)).trace);
        });
        await assert(once, { seed: 42, numRuns: repeated });
      }
      expect(traces[0]?.length).toBeGreaterThan(10 * repeated);
      expect(traces[0]).toEqual(traces[1]);
    });
  });
}

/** Tells when a call of the database begins (+1) and ends (-1). */
function countCalls(pglite: PGlite, count: (change: 1 | -1) => void): void {
  for (const name of ['query', 'exec', 'runExclusive', 'execProtocolRaw'] as const) {
    const call = pglite[name].bind(pglite) as (...args: unknown[]) => Promise<unknown>;
    Object.assign(pglite, {
      [name]: async (...args: unknown[]) => {
        count(1);
        try {
          return await call(...args);
        } finally {
          count(-1);
        }
      },
    });
  }
}
