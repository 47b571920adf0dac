/** `npm run demo`: from a folder of photos to pictures, using the public API only. */
import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { DemoError, Interrupted, stopSignals } from './errors.ts';
import { presets } from './pictures.ts';
import { DemoServer } from './server.ts';
import { Walkthrough } from './walkthrough.ts';

const program = new Command('npm run demo --')
  .description('Creates a portrait and a style, uploads photos, trains both, draws pictures and saves them.')
  .option('--url <url>', 'the server to use; the demo starts one if none answers', toOrigin, 'http://127.0.0.1:4000')
  .option('--photos <folder>', 'the folder with 10 to 20 photos to train with', 'test/photos/good')
  .option('--out <folder>', 'the folder to save the pictures in', 'likeness-demo')
  .option('--presets <names>', 'the presets to draw with, separated by commas', toPresets, [
    'PORTRAIT',
    'ARTISTIC',
    'LANDSCAPE',
    'ULTRA',
  ])
  .option('--data-dir <folder>', 'the data folder for a server that the demo starts')
  .option('--live', 'allow a server that uses fal itself, which charges for trainings and pictures')
  .parse();
const flags = program.opts<{
  url: string;
  photos: string;
  out: string;
  presets: string[];
  dataDir?: string;
  live?: true;
}>();

const startCommand = flags.dataDir === undefined ? 'npm start' : `DATA_DIR=${flags.dataDir} npm start`;
const stop = new AbortController();
const server = new DemoServer(
  {
    url: flags.url,
    isUrlGiven: program.getOptionValueSource('url') === 'cli',
    dataDir: flags.dataDir && resolve(flags.dataDir),
  },
  stop,
);
const walkthrough = new Walkthrough(
  server,
  {
    photosFolder: resolve(flags.photos),
    outFolder: resolve(flags.out),
    presets: flags.presets,
    allowsCharges: flags.live === true,
  },
  stop.signal,
);

for (const signal of stopSignals) {
  process.on(signal, () => {
    // The second Ctrl-C ends the demo at once, and its server with it.
    if (stop.signal.aborted) process.exit(1);
    stop.abort(new Interrupted(signal));
  });
}

process.exitCode = await walkthrough.run().then(printResult, printFailure);
await server.close();
// A WebSocket that is about to connect again must not keep the process alive.
process.exit();

function printResult(): number {
  const saved = walkthrough.saved.toSorted((a, b) => a.path.localeCompare(b.path));
  print(
    '',
    ...saved.map(({ path, width, height }) => `${path}  ${width} x ${height}`),
    '',
    server.isOwn
      ? `The demo stops its server now. Start it again with ${startCommand} and open the tab Pictures in GraphiQL to see the results.`
      : `To see the results, open the tab Pictures in GraphiQL: ${server.url}/graphql`,
  );
  return 0;
}

function printFailure(error: unknown): number {
  if (error instanceof Interrupted) {
    print('', ...unfinishedJobs());
    return error.exitCode;
  }
  if (!(error instanceof DemoError)) throw error;
  process.stderr.write(`${error.message}\n`);
  return 1;
}

function unfinishedJobs(): string[] {
  const count = walkthrough.unfinishedJobs;
  if (count === 0) return ['Stopped. No job is unfinished.'];
  const jobs = count === 1 ? '1 job is' : `${count} jobs are`;
  return server.isOwn
    ? [`Stopped. ${jobs} unfinished and will continue when you start the server again: ${startCommand}`]
    : [`Stopped. ${jobs} still running on the server. The tab Server in GraphiQL lists them: ${server.url}/graphql`];
}

function print(...lines: string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Also accepts GraphiQL's address, which people often copy, and drops its path. */
function toOrigin(value: string): string {
  if (!/^https?:/.test(value) || !URL.canParse(value)) throw new InvalidArgumentError('Use an http or https URL.');
  return new URL(value).origin;
}

function toPresets(value: string): string[] {
  const names = [
    ...new Set(
      value
        .toUpperCase()
        .split(',')
        .map((name) => name.trim()),
    ),
  ];
  const unknown = names.find((name) => !presets.includes(name));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`There is no preset ${unknown}. Use ${presets.join(', ')}.`);
  return names;
}
