/**
 * Random operations on credits, with crashes inside them; on a PostgreSQL they truly race. A failure prints fast-check's
 * seed and path, and `LEDGER_SEED=… npx vitest run test/ledger` repeats the run.
 */
import { assert, asyncProperty } from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { purgeDeletedAvatars } from '../../src/avatar/purge.ts';
import { wrongIn } from './invariants.ts';
import type { Opened } from './opened.ts';
import { batchOf } from './operations.ts';
import { World } from './world.ts';

const seed = Number(process.env['LEDGER_SEED'] ?? Date.now() % 1_000_000);
const perBatch = 250;

export type LedgerDatabase = [name: string, open: () => Promise<Opened>, operations: number];

/** Runs the operations on each database. Returns how often each outcome came of one, on whichever database. */
export function describeLedger(databases: LedgerDatabase[]): ReadonlyMap<string, number> {
  const outcomes = new Map<string, number>();
  describe.each(databases)('on %s', (_name, open, operations) => {
    let opened: Opened;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened.close());

    it(`after ${operations} operations every credit is where it belongs (seed ${seed})`, {
      timeout: 300_000,
    }, async () => {
      const holds = asyncProperty(batchOf(perBatch), async ({ operations: batch, isBusy }) => {
        const world = new World(opened);
        await world.begin(isBusy ? 1 : 3);
        await world.runAll(batch, isBusy);
        expect([...world.wrong, ...(await wrongIn(world)).wrong]).toEqual([]);
        await world.endAll();
        const { wrong, jobs } = await wrongIn(world);
        expect([...world.wrong, ...wrong]).toEqual([]);
        expect(await opened.prisma.user.aggregate({ _sum: { reservedTenths: true } })).toEqual({
          _sum: { reservedTenths: 0 },
        });
        // An avatar that goes takes its jobs with it, and no credits.
        opened.clock.ms += 60_000;
        await purgeDeletedAvatars(opened.partsOn(opened.prisma));
        expect((await wrongIn(world, jobs)).wrong).toEqual([]);
        for (const [told, count] of world.outcomes) outcomes.set(told, (outcomes.get(told) ?? 0) + count);
      });
      await assert(holds, { seed, numRuns: operations / perBatch, endOnFailure: true });
    });
  });
  return outcomes;
}
