/** The simulation by itself, on all cores: `npm run interleavings -- --seed 7 --runs 4000`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Command } from 'commander';

const { seed, runs, path } = new Command('interleavings')
  .description(
    'The core under interleavings of fal, webhooks, cancels, crashes, lost leases and clients that come and go',
  )
  .option('--seed <number>', 'the first seed; each core takes the next', String(Date.now() % 1_000_000))
  .option('--runs <number>', 'schedules in all', '4000')
  .option('--path <path>', 'one schedule of the seed, as a failure names it')
  .parse()
  .opts<{ seed: string; runs: string; path?: string }>();

const cores = path === undefined ? availableParallelism() : 1;
const each = Math.ceil(Number(runs) / cores);
process.stdout.write(`${each * cores} schedules, seeds ${seed} to ${Number(seed) + cores - 1}\n`);
const began = performance.now();
const codes = await Promise.all(
  Array.from({ length: cores }, async (_, core) => {
    const own = { SIMULATION_SEED: String(Number(seed) + core), SIMULATION_RUNS: String(each) };
    const env = { ...process.env, ...own, ...(path !== undefined && { SIMULATION_PATH: path }) };
    const test = [
      'vitest',
      'run',
      '--config',
      'vitest.config.ts',
      '--project',
      'stress',
      'test/simulation',
      '-t',
      'fresh',
    ];
    const child = spawn('npx', test, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.on('data', (chunk) => (said += String(chunk)));
    const [code] = await once(child, 'exit');
    if (code !== 0) process.stdout.write(said);
    return Number(code);
  }),
);
const failed = codes.filter((code) => code !== 0).length;
process.stdout.write(
  `${failed === 0 ? 'all ended well' : `${failed} seeds failed`}, in ${((performance.now() - began) / 1000).toFixed(0)} s\n`,
);
process.exitCode = failed === 0 ? 0 : 1;
