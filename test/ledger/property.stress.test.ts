/** Ten thousand operations on credits, and every outcome that they can have. */
import { expect, it } from 'vitest';
import { isPostgresReachable, postgresAt } from '../support/sql.ts';
import { onPglite, onPostgres } from './opened.ts';
import { describeLedger, type LedgerDatabase } from './suite.ts';

const isReachable = await isPostgresReachable();
it.for(isReachable ? [] : [postgresAt])('races nowhere: PostgreSQL cannot be reached at %s', (_at, context) => {
  context.skip();
  expect.fail('A skipped test goes no further.');
});

const total = 10_000;
const raced = isReachable ? 7_500 : 0;
const databases: LedgerDatabase[] = [['PGlite, one after another', onPglite, total - raced]];
if (isReachable) databases.push(['PostgreSQL, twelve at once', onPostgres, raced]);
const outcomes = describeLedger(databases);

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
