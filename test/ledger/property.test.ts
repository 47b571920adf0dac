/**
 * Ten thousand operations on credits, drawn by chance, with crashes inside them; on a PostgreSQL they truly race. A
 * failure prints fast-check's seed and path, and `LEDGER_SEED=… npx vitest … test/ledger` draws the same again.
 */
import { assert, asyncProperty } from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { purgeDeletedAvatars } from '../../src/avatar/purge.ts';
import { isPostgresReachable, postgresAt } from '../support/sql.ts';
import { wrongIn } from './invariants.ts';
import { type Opened, onPglite, onPostgres } from './opened.ts';
import { batchOf } from './operations.ts';
import { World } from './world.ts';

const isReachable = await isPostgresReachable();
it.for(isReachable ? [] : [postgresAt])('races nowhere: PostgreSQL cannot be reached at %s', (_at, context) => {
  context.skip();
  expect.fail('A skipped test goes no further.');
});

const seed = Number(process.env['LEDGER_SEED'] ?? Date.now() % 1_000_000);
const total = 10_000;
const raced = isReachable ? 7_500 : 0;
const perBatch = 250;

const databases: [string, () => Promise<Opened>, number][] = [
  ['PGlite, one after another', onPglite, total - raced],
  ...(isReachable ? [['PostgreSQL, twelve at once', onPostgres, raced] as (typeof databases)[number]] : []),
];

/** Of all operations, on whichever database. */
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

it('and everything that can come of an operation came of some', () => {
  const came = new Set(outcomes.keys());
  for (const told of [
    'generate DONE',
    'generate NOTHING',
    'generate InsufficientCreditsError',
    'generate LimitReachedError',
    'note DONE',
    'generate IdempotencyConflictError',
    'train DONE',
    'train InsufficientCreditsError',
    'finish DONE',
    'finish NOTHING',
    'fail DONE',
    'stop DONE',
    'cancel DONE',
    'cancel JobFinishedError',
    'retry DONE',
    'retry JobActiveError',
    'delete DONE',
    'delete NotFoundError',
    'grant DONE',
    'grant InvalidInputError',
    'correct DONE',
    'correct InvalidInputError',
    ...(isReachable ? ['finish ClaimLost', 'generate UNKNOWN', 'finish UNKNOWN', 'grant UNKNOWN'] : []),
  ]) {
    expect(came).toContain(told);
  }
});
