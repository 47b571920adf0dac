/** Short chaos runs: the same each time, on one process and on three, and in CI one with a seed that nobody has seen. */
import { expect, it, test } from 'vitest';
import { newDataFolder } from '../support/likeness.ts';
import { hasRedis } from '../support/redis.ts';
import { isPostgresReachable } from '../support/sql.ts';
import { runChaos } from './run.ts';
import { tableOf } from './table.ts';

const seeds = [20_261, ...(process.env['CI'] ? [Math.floor(Math.random() * 1e9)] : [])];

const canShare = hasRedis && (await isPostgresReachable());
it.for(
  canShare ? [] : ['PostgreSQL and redis-server'],
)('several processes are skipped without %s', (_what, context) => {
  context.skip();
  expect.fail('A skipped test goes no further.');
});

test.each([...seeds.map((seed) => [seed, 1] as const), ...(canShare ? [[20_262, 3] as const] : [])])(
  'seed %i, %i processes: every promise is kept',
  async (seed, processes) => {
    const { dataDir, remove } = newDataFolder();
    try {
      const report = await runChaos({
        seed,
        processes,
        jobs: 12,
        minutes: 0.15,
        owners: [
          { name: 'owner 1', headers: { 'x-likeness-user': 'owner-1' } },
          { name: 'owner 2', headers: { 'x-likeness-user': 'owner-2' } },
        ],
        dataDir,
        deadlineSeconds: { generation: 8, training: 15 },
      });
      // What is wrong comes first, where no reader of a log cuts it off; npm run chaos -- --seed … repeats the run.
      if (report.wrong.length > 0) throw new Error(`${report.wrong.join('\n')}\n\n${tableOf(report)}`);
      expect(report.kills + report.drains).toBeGreaterThan(0);
      expect(report.ends.get('SUCCEEDED')).toBeGreaterThan(0);
      expect(report.money.paid).toBeGreaterThan(0);
    } finally {
      remove();
    }
  },
  180_000,
);
