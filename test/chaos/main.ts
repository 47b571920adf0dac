/** `npm run chaos -- --seed 7 --jobs 60 --minutes 2`: exits with 1 when a promise was broken, and says which and with what seed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { runChaos } from './run.ts';
import { tableOf } from './table.ts';

const program = new Command('chaos')
  .description('many jobs while fal does wrong and the server is killed, and then a look at what is left')
  .option('--seed <number>', 'where all chance comes from', toNumber, Math.floor(Math.random() * 1e9))
  .option('--jobs <number>', 'how many are started, at most', toNumber, 60)
  .option('--minutes <number>', 'how long they are started and disturbed', toNumber, 1)
  .option('--processes <number>', 'how many servers share the work', toNumber, 1)
  .option('--owners <number>', 'how many clients start them', toNumber, 4)
  .option('--keep', 'leave the data folder');

type Options = {
  seed: number;
  jobs: number;
  minutes: number;
  processes: number;
  owners: number;
  keep?: boolean;
};
const { owners, keep, ...options } = program.parse().opts<Options>();
const dataDir = await mkdtemp(join(tmpdir(), 'likeness-chaos-'));
process.stdout.write(`Chaos with seed ${options.seed}, data in ${dataDir}\n`);
const report = await runChaos({
  ...options,
  dataDir,
  owners: Array.from({ length: owners }, (_, n) => ({
    name: `owner ${n + 1}`,
    // The person at this machine acts for each: they are owners of their own.
    headers: { 'x-likeness-user': `owner-${n + 1}` },
  })),
  deadlineSeconds: { generation: 30, training: 45 },
});
process.stdout.write(`${tableOf(report)}\n`);
if (report.wrong.length > 0) process.exitCode = 1;
if (keep !== true) await rm(dataDir, { recursive: true, force: true });

function toNumber(value: string): number {
  const number = Number(value);
  if (!Number.isFinite(number) || number <= 0) throw new InvalidArgumentError('Not a number above 0.');
  return number;
}
