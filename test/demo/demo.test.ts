/** `npm run demo` as a user runs it: in a separate process, against a real server with simulated fal. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, onTestFinished, test, vi } from 'vitest';
import { gql } from '../support/http.ts';
import { newDataFolder, startLikeness } from '../support/likeness.ts';
import { photoPath } from '../support/photos.ts';
import { freePort } from '../support/process.ts';

// Each test starts processes, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 300_000 });

type Demo = { child: ChildProcess; output: () => string; ended: Promise<number | null>; out: string };

/** The environment without the settings of the person who runs the tests. */
const own = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => ['PATH', 'HOME', 'TMPDIR'].includes(name)),
);

/** Starts the demo with a new folder for the pictures. */
function runDemo(flags: string[], env: Record<string, string> = {}): Demo {
  const out = join(temporaryFolder(), 'pictures');
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'src/demo/main.ts', '--out', out, '--presets', 'FAST,LANDSCAPE,ULTRA', ...flags],
    { env: { ...own, FAL_SIMULATOR_SPEED: 'instant', ...env } },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  const listen = (chunk: Buffer) => {
    output += chunk.toString();
  };
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, output: () => output, ended, out };
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'likeness-demo-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function dataFolder(): string {
  const { dataDir, remove } = newDataFolder();
  onTestFinished(remove);
  return dataDir;
}

/** A URL where nothing listens. */
const freeUrl = async () => `http://127.0.0.1:${await freePort()}`;

const printed = (demo: Demo, words: string) =>
  vi.waitFor(() => expect(demo.output()).toContain(words), { interval: 20 });

const isUp = (url: string) =>
  fetch(`${url}/health`).then(
    () => true,
    () => false,
  );

const pictures = [
  'ada-fast.jpg',
  'ada-landscape.jpg',
  'woodcut-fast.jpg',
  'woodcut-landscape.jpg',
  'woodcut-ultra.jpg',
];

test('runs all steps on a server that it starts', async () => {
  const photos = temporaryFolder();
  cpSync(photoPath('good'), photos, { recursive: true });
  copyFileSync(photoPath('bad/truncated.jpg'), join(photos, 'truncated.jpg'));
  const url = await freeUrl();
  const demo = runDemo(['--url', url, '--data-dir', dataFolder(), '--photos', photos]);
  expect([await demo.ended, demo.output()]).toEqual([0, expect.any(String)]);

  expect(demo.output()).toContain(`Server: started at ${url}, fal is simulated`);
  expect(demo.output()).toContain('Avatars: Ada, a portrait; Woodcut, a style');
  expect(demo.output()).toContain('Woodcut: truncated.jpg: Refused: it is damaged or cut off');
  expect(demo.output()).toContain('Ada: kept 12 photos of 13 files');
  for (const stage of ['accepted by fal', 'fal is working', 'fal: Starting training', 'storing the results']) {
    expect(demo.output()).toContain(`Ada: ${stage}`);
  }
  expect(demo.output()).toMatch(/Ada: █+░* \d+ %, step \d+ of 1000/);
  expect(demo.output()).toMatch(/Woodcut: trained in [\d.]+ s/);
  expect(demo.output()).toMatch(/Woodcut, ULTRA: drawn in [\d.]+ s/);

  expect(readdirSync(demo.out).sort()).toEqual(pictures);
  for (const name of pictures) {
    const path = join(demo.out, name);
    const { info } = await sharp(path, { failOn: 'warning' }).raw().toBuffer({ resolveWithObject: true });
    expect(demo.output()).toContain(`${path}  ${info.width} x ${info.height}`);
  }
  expect(await isUp(url)).toBe(false);
});

test('continues when its server restarts', async () => {
  const dataDir = dataFolder();
  const { port } = new URL(await freeUrl());
  const env = { PORT: port, FAL_SIMULATOR_SPEED: 'quick' };
  const first = await startLikeness({ dataDir, env });
  const demo = runDemo(['--url', first.url]);
  await printed(demo, 'Ada: fal is working');
  await first.close();
  const second = await startLikeness({ dataDir, env });
  onTestFinished(() => second.close());
  expect([await demo.ended, demo.output()]).toEqual([0, expect.any(String)]);
  expect(readdirSync(demo.out).sort()).toEqual(pictures);
  // No line is printed twice.
  for (const line of ['Ada: accepted by fal', 'Ada: fal is working', 'Ada: fal: Starting training']) {
    expect(demo.output().split(`› ${line}\n`)).toHaveLength(2);
  }
  expect(await isUp(second.url)).toBe(true);
});

test('Ctrl-C stops the demo and its server cleanly, and the jobs continue at the next start', async () => {
  const url = await freeUrl();
  const dataDir = dataFolder();
  const demo = runDemo(['--url', url, '--data-dir', dataDir], { FAL_SIMULATOR_SPEED: 'quick' });
  await printed(demo, 'Ada: fal is working');
  demo.child.kill('SIGINT');
  expect(await demo.ended).toBe(130);
  expect(demo.output()).toContain(
    `Stopped. 2 jobs are unfinished and will continue when you start the server again: DATA_DIR=`,
  );
  expect(demo.output()).not.toContain('    at ');
  expect(existsSync(demo.out)).toBe(false);
  expect(await isUp(url)).toBe(false);

  const again = runDemo(['--url', url, '--data-dir', dataDir]);
  expect([await again.ended, again.output()]).toEqual([0, expect.any(String)]);
  expect(readdirSync(again.out).sort()).toEqual(pictures);

  const later = await startLikeness({ dataDir });
  onTestFinished(() => later.close());
  const query = '{ jobs(first: 100) { edges { node { __typename status } } } }';
  type Jobs = { jobs: { edges: { node: { __typename: string; status: string } }[] } };
  await vi.waitFor(async () => {
    const { data } = await gql<Jobs>(later.url, query);
    const jobs = data?.jobs.edges.map(({ node }) => `${node.__typename} ${node.status}`).sort();
    expect(jobs).toEqual([
      ...Array<string>(5).fill('Generation SUCCEEDED'),
      ...Array<string>(4).fill('Training SUCCEEDED'),
    ]);
  }, 200_000);
});

test('Ctrl-C leaves a server that it did not start running, with its jobs', async () => {
  const likeness = await startLikeness({ env: { FAL_SIMULATOR_SPEED: 'quick' } });
  onTestFinished(() => likeness.close());
  const demo = runDemo(['--url', likeness.url]);
  await printed(demo, 'Ada: fal is working');
  demo.child.kill('SIGINT');
  expect(await demo.ended).toBe(130);
  expect(demo.output()).toContain(
    `Stopped. 2 jobs are still running on the server. The tab Server in GraphiQL lists them: ${likeness.url}/graphql`,
  );
  const { data } = await likeness.gql<{ jobs: { edges: unknown[] } }>(
    '{ jobs(active: true) { edges { node { id } } } }',
  );
  expect(data?.jobs.edges).toHaveLength(2);
});

test('reports each error in one line', async () => {
  const other = createServer((_, response) => response.end('{"status":"ok"}')).listen(0, '127.0.0.1');
  await once(other, 'listening');
  onTestFinished(() => void other.close());
  const otherUrl = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  const dataDir = dataFolder();
  const taken = await startLikeness({ dataDir });
  onTestFinished(() => taken.close());
  const empty = temporaryFolder();
  const few = temporaryFolder();
  copyFileSync(photoPath('good/01.jpg'), join(few, '01.jpg'));

  const cases: [string[], string, Record<string, string>?][] = [
    [['--photos', empty], `The folder ${empty} contains no photos.`],
    [['--photos', join(empty, 'none')], `The folder ${join(empty, 'none')} does not exist.`],
    [['--photos', few, '--url', taken.url], ': Add 9 more photos: it takes at least 10.'],
    [['--url', otherUrl], `Another program than Likeness answers at ${otherUrl}.`],
    [['--url', 'http://likeness.invalid'], 'No server answers at http://likeness.invalid.'],
    [['--url', 'nonsense'], "option '--url <url>' argument 'nonsense' is invalid. Use an http or https URL."],
    [['--presets', 'NICE'], 'There is no preset NICE. Use FAST, BALANCED'],
    [['--url', await freeUrl(), '--data-dir', dataDir], 'is in use by another Likeness server'],
    [
      ['--url', await freeUrl(), '--data-dir', dataFolder()],
      'This server uses fal itself, which charges for trainings and pictures. Add --live to go ahead.',
      { FAL_KEY: 'id:secret' },
    ],
  ];
  for (const [flags, message, env] of cases) {
    const demo = runDemo(flags, env);
    expect(await demo.ended).toBe(1);
    expect(demo.output().trimEnd().split('\n').at(-1)).toContain(message);
    expect(demo.output()).not.toContain('    at ');
  }
});
