/** `npm run demo`: the whole way from a folder of photos to pictures, over the public API alone. */
import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { presets } from './pictures.ts';
import { DemoServer } from './server.ts';
import { Tour } from './tour.ts';
import { Interrupted, stopSignals, Trouble } from './trouble.ts';

const program = new Command('npm run demo --')
  .description('creates a portrait and a style, uploads photos, trains, draws, and saves the pictures')
  .option('--url <url>', 'the server; one is started when none answers there', toOrigin, 'http://127.0.0.1:4000')
  .option('--photos <folder>', 'what to train with: 10 to 20 pictures', 'test/photos/good')
  .option('--out <folder>', 'where the pictures go', 'likeness-demo')
  .option('--presets <names>', 'what to draw with, separated by commas', toPresets, [
    'PORTRAIT',
    'ARTISTIC',
    'LANDSCAPE',
    'ULTRA',
  ])
  .option('--data-dir <folder>', 'the data folder of a server that the demo starts')
  .option('--live', 'play also with a server that works with fal itself, which bills')
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
const tour = new Tour(
  server,
  {
    photosFolder: resolve(flags.photos),
    outFolder: resolve(flags.out),
    presets: flags.presets,
    mayBill: flags.live === true,
  },
  stop.signal,
);

for (const signal of stopSignals) {
  process.on(signal, () => {
    // Pressed again: at once, and with the demo its server.
    if (stop.signal.aborted) process.exit(1);
    stop.abort(new Interrupted(signal));
  });
}

process.exitCode = await tour.play().then(tellEnd, tellWhy);
await server.close();
// Whatever is still open, as a socket that is about to connect again, is of no more use.
process.exit();

function tellEnd(): number {
  const saved = tour.saved.toSorted((a, b) => a.path.localeCompare(b.path));
  say(
    '',
    ...saved.map(({ path, width, height }) => `${path}  ${width} x ${height}`),
    '',
    server.isOwn
      ? `The demo ends its server now. With ${startCommand} it runs again, and GraphiQL shows what was made: tab Pictures.`
      : `GraphiQL shows what was made: ${server.url}/graphql, tab Pictures.`,
  );
  return 0;
}

function tellWhy(error: unknown): number {
  if (error instanceof Interrupted) {
    say('', ...goingOn());
    return error.exitCode;
  }
  if (!(error instanceof Trouble)) throw error;
  process.stderr.write(`${error.message}\n`);
  return 1;
}

function goingOn(): string[] {
  const count = tour.unfinishedJobs;
  if (count === 0) return ['Stopped. Nothing is under way.'];
  const jobs = count === 1 ? '1 job is' : `${count} jobs are`;
  return server.isOwn
    ? [`Stopped. ${jobs} not finished, and go on when the server runs again: ${startCommand}`]
    : [`Stopped watching. ${jobs} going on in the server: ${server.url}/graphql, tab Server, lists them.`];
}

function say(...lines: string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Also of GraphiQL's address, which is what people have at hand. */
function toOrigin(value: string): string {
  if (!/^https?:/.test(value) || !URL.canParse(value)) throw new InvalidArgumentError('Not an http or https URL.');
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
  if (unknown !== undefined) throw new InvalidArgumentError(`${unknown} is none of ${presets.join(', ')}.`);
  return names;
}
