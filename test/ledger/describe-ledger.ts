/**
 * Random operations on credits, some of which crash; on PostgreSQL they race. A failure prints fast-check's
 * seed and path; `LEDGER_SEED=… npx vitest run test/ledger` repeats the run.
 */
import { assert, asyncProperty } from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { purgeDeletedAvatars } from '../../src/avatar/purge.ts';
import { findViolations } from './invariants.ts';
import type { LedgerServer } from './open-server.ts';
import { batchOf } from './operations.ts';
import { Simulation } from './simulation.ts';

const seed = Number(process.env['LEDGER_SEED'] ?? Date.now() % 1_000_000);
const perBatch = 250;

export type LedgerDatabase = [name: string, open: () => Promise<LedgerServer>, operations: number];

/** Runs the operations on each database. Returns how often each outcome occurred, over all databases. */
export function describeLedger(databases: LedgerDatabase[]): ReadonlyMap<string, number> {
  const outcomes = new Map<string, number>();
  describe.each(databases)('on %s', (_name, open, operations) => {
    let server: LedgerServer;
    beforeAll(async () => {
      server = await open();
    });
    afterAll(() => server.close());

    it(`after ${operations} operations the ledger, the balances and the jobs agree (seed ${seed})`, {
      timeout: 300_000,
    }, async () => {
      const holds = asyncProperty(batchOf(perBatch), async ({ operations: batch, isBusy }) => {
        const simulation = new Simulation(server);
        await simulation.begin(isBusy ? 1 : 3);
        await simulation.runAll(batch, isBusy);
        expect([...simulation.problems, ...(await findViolations(simulation)).violations]).toEqual([]);
        await simulation.endAll();
        const { violations, jobs } = await findViolations(simulation);
        expect([...simulation.problems, ...violations]).toEqual([]);
        expect(await server.prisma.user.aggregate({ _sum: { reservedTenths: true } })).toEqual({
          _sum: { reservedTenths: 0 },
        });
        // Purging an avatar deletes its jobs, and changes no credits.
        server.clock.ms += 60_000;
        await purgeDeletedAvatars(server.partsOn(server.prisma));
        expect((await findViolations(simulation, jobs)).violations).toEqual([]);
        for (const [label, count] of simulation.outcomes) outcomes.set(label, (outcomes.get(label) ?? 0) + count);
      });
      await assert(holds, { seed, numRuns: operations / perBatch, endOnFailure: true });
    });
  });
  return outcomes;
}
