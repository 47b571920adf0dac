/** The simulated fal alone: `npm run simulator`. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { type Speed, speeds } from './request.ts';
import { startSimulator } from './server.ts';

const program = new Command('simulator')
  .description("fal.ai's queue, storage and files on this machine, for developing without a key")
  .option('--port <number>', 'where it listens, on 127.0.0.1', toPort, 4010)
  .option('--data-dir <folder>', 'where it keeps its state', '.data/simulator')
  .addOption(new Option('--speed <speed>', 'how long things take').choices(speeds).default('quick'))
  .option('--verbose', 'print each call');

const options = program.parse().opts<{ port: number; dataDir: string; speed: Speed; verbose?: boolean }>();
const print = (line: string) => process.stdout.write(`${line}\n`);
const simulator = await startSimulator({
  ...options,
  ...(options.verbose === true && { log: (line: object) => print(JSON.stringify(line)) }),
});

print(`Simulated fal at ${simulator.url}, speed ${options.speed}, state in ${options.dataDir}
What it was asked: ${simulator.url}/__simulator/requests
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

function toPort(value: string): number {
  const port = Number(value);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new InvalidArgumentError('Not a port.');
  return port;
}
