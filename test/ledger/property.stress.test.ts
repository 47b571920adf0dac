/** Ten thousand random operations on credits. Every outcome that an operation can have must occur. */
import { expect, it } from 'vitest';
import { isPostgresReachable, postgresAt } from '../support/sql.ts';
import { describeLedger, type LedgerDatabase } from './describe-ledger.ts';
import { openOnPglite, openOnPostgres } from './open-server.ts';

const isReachable = await isPostgresReachable();
it.for(
  isReachable ? [] : [postgresAt],
)('the PostgreSQL runs are skipped: the server at %s is not reachable', (_at, context) => {
  context.skip();
  expect.fail('A skipped test goes no further.');
});

const total = 10_000;
const concurrent = isReachable ? 7_500 : 0;
const databases: LedgerDatabase[] = [['PGlite, one after another', openOnPglite, total - concurrent]];
if (isReachable) databases.push(['PostgreSQL, twelve at once', openOnPostgres, concurrent]);
const outcomes = describeLedger(databases);

it('every possible outcome of an operation occurred', () => {
  const occurred = new Set(outcomes.keys());
  for (const label of [
    'generate DONE',
    'generate NOTHING',
    'generate InsufficientCreditsError',
    'generate LimitReachedError',
    'progress DONE',
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
    expect(occurred).toContain(label);
  }
});
