/** Starts the simulated fal: `npm run simulator`. */
import { readFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { manualClock, systemClock } from './clock.ts';
import { InvalidFaultPlan, readFaultPlan } from './faults/plan.ts';
import { type Speed, speeds } from './queue/request.ts';
import { startSimulator } from './server.ts';

const program = new Command('simulator')
  .description("fal.ai's queue, storage and files on this machine, for developing without a key")
  .option('--port <number>', 'the port on 127.0.0.1', toPort, 4010)
  .option('--data-dir <folder>', 'the folder of its state', '.data/simulator')
  .addOption(new Option('--speed <speed>', 'how long requests take').choices(speeds).default('quick'))
  .option('--faults <file>', 'a JSON file with a fault plan: see faults/plan.ts')
  .option('--hold-clock', 'stop the clock; advance it with POST /__simulator/clock {"advanceMs": 1000}')
  .option('--verbose', 'print every call');

type Options = {
  port: number;
  dataDir: string;
  speed: Speed;
  faults?: string;
  holdClock?: boolean;
  verbose?: boolean;
};
const { faults, holdClock, verbose, ...options } = program.parse().opts<Options>();
const print = (line: string) => process.stdout.write(`${line}\n`);
const simulator = await startSimulator({
  ...options,
  clock: holdClock === true ? manualClock(Date.now()) : systemClock,
  ...(faults !== undefined && { faults: await readPlanFile(faults) }),
  ...(verbose === true && { log: (line: object) => print(JSON.stringify(line)) }),
});

print(`Simulated fal at ${simulator.url}, speed ${options.speed}, state in ${options.dataDir}
Requests and calls: ${simulator.url}/__simulator/requests
Fault plan: ${simulator.url}/__simulator/faults
Point the official client at it:

  import { createFalClient } from '@fal-ai/client';
  const fal = createFalClient({
    credentials: '${simulator.key}',
    requestMiddleware: async (request) => {
      const { hostname, pathname, search } = new URL(request.url);
      const headers = { ...request.headers, 'x-fal-sim-host': hostname };
      return { ...request, url: '${simulator.url}' + pathname + search, headers };
    },
  });
`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void simulator.close().then(() => process.exit(0)));
}

/** Exits with an error message when the file holds no valid fault plan. */
async function readPlanFile(file: string) {
  const text = await readFile(file, 'utf8').catch(() => program.error(`${file} cannot be read.`));
  try {
    return readFaultPlan(JSON.parse(text));
  } catch (error) {
    if (error instanceof InvalidFaultPlan) return program.error(`${file}: ${error.message}`);
    return program.error(`${file} is not JSON.`);
  }
}

function toPort(value: string): number {
  const port = Number(value);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new InvalidArgumentError('Not a port.');
  return port;
}
