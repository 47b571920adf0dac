/** `npm run demo` as a user runs it: a process of its own, against a real server, with fal simulated. */
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
vi.setConfig({ testTimeout: 120_000 });

type Demo = { child: ChildProcess; said: () => string; ended: Promise<number | null>; out: string };

/** No setting of whoever runs the tests. */
const own = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => ['PATH', 'HOME', 'TMPDIR'].includes(name)),
);

/** With its own folder for pictures, and an empty database for the server that it may start. */
function play(flags: string[], env: Record<string, string> = {}): Demo {
  const out = join(temporaryFolder(), 'pictures');
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'src/demo/main.ts', '--out', out, '--presets', 'FAST,LANDSCAPE,ULTRA', ...flags],
    { env: { ...own, FAL_SIMULATOR_SPEED: 'instant', ...env } },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  let said = '';
  const listen = (chunk: Buffer) => {
    said += chunk.toString();
  };
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, said: () => said, ended, out };
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

/** Where nothing listens. */
const freeUrl = async () => `http://127.0.0.1:${await freePort()}`;

const heard = (demo: Demo, words: string) =>
  vi.waitFor(() => expect(demo.said()).toContain(words), { timeout: 30_000, interval: 20 });

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

test('plays the whole tour on a server of its own', async () => {
  const photos = temporaryFolder();
  cpSync(photoPath('good'), photos, { recursive: true });
  copyFileSync(photoPath('bad/truncated.jpg'), join(photos, 'truncated.jpg'));
  const url = await freeUrl();
  const demo = play(['--url', url, '--data-dir', dataFolder(), '--photos', photos]);
  expect([await demo.ended, demo.said()]).toEqual([0, expect.any(String)]);

  expect(demo.said()).toContain(`Server: started at ${url}, fal is simulated`);
  expect(demo.said()).toContain('Avatars: Ada, a portrait; Woodcut, a style');
  expect(demo.said()).toContain('Woodcut: truncated.jpg: Refused: it is damaged or cut off');
  expect(demo.said()).toContain('Ada: 12 photos, of 13 files');
  for (const stage of ['accepted by fal', 'fal is working', 'fal: Starting training', 'the results are being kept']) {
    expect(demo.said()).toContain(`Ada: ${stage}`);
  }
  expect(demo.said()).toMatch(/Ada: █+░* \d+ %, step \d+ of 1000/);
  expect(demo.said()).toMatch(/Woodcut: trained in [\d.]+ s/);
  expect(demo.said()).toMatch(/Woodcut, ULTRA: drawn in [\d.]+ s/);

  expect(readdirSync(demo.out).sort()).toEqual(pictures);
  for (const name of pictures) {
    const path = join(demo.out, name);
    const { info } = await sharp(path, { failOn: 'warning' }).raw().toBuffer({ resolveWithObject: true });
    expect(demo.said()).toContain(`${path}  ${info.width} x ${info.height}`);
  }
  expect(await isUp(url)).toBe(false);
});

test('goes on where it was when its server is started again', async () => {
  const dataDir = dataFolder();
  const { port } = new URL(await freeUrl());
  const env = { PORT: port, FAL_SIMULATOR_SPEED: 'quick' };
  const first = await startLikeness({ dataDir, env });
  const demo = play(['--url', first.url]);
  await heard(demo, 'Ada: fal is working');
  await first.close();
  const second = await startLikeness({ dataDir, env });
  onTestFinished(() => second.close());
  expect([await demo.ended, demo.said()]).toEqual([0, expect.any(String)]);
  expect(readdirSync(demo.out).sort()).toEqual(pictures);
  // Nothing is told twice.
  for (const line of ['Ada: accepted by fal', 'Ada: fal is working', 'Ada: fal: Starting training']) {
    expect(demo.said().split(`› ${line}\n`)).toHaveLength(2);
  }
  expect(await isUp(second.url)).toBe(true);
});

test('Ctrl-C ends it and its server in order, and the jobs go on at the next start', async () => {
  const url = await freeUrl();
  const dataDir = dataFolder();
  const demo = play(['--url', url, '--data-dir', dataDir], { FAL_SIMULATOR_SPEED: 'quick' });
  await heard(demo, 'Ada: fal is working');
  demo.child.kill('SIGINT');
  expect(await demo.ended).toBe(130);
  expect(demo.said()).toContain(`Stopped. 2 jobs are not finished, and go on when the server runs again: DATA_DIR=`);
  expect(demo.said()).not.toContain('    at ');
  expect(existsSync(demo.out)).toBe(false);
  expect(await isUp(url)).toBe(false);

  const again = play(['--url', url, '--data-dir', dataDir]);
  expect([await again.ended, again.said()]).toEqual([0, expect.any(String)]);
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
  }, 20_000);
});

test('Ctrl-C leaves the server of somebody else running, and the jobs with it', async () => {
  const likeness = await startLikeness({ env: { FAL_SIMULATOR_SPEED: 'quick' } });
  onTestFinished(() => likeness.close());
  const demo = play(['--url', likeness.url]);
  await heard(demo, 'Ada: fal is working');
  demo.child.kill('SIGINT');
  expect(await demo.ended).toBe(130);
  expect(demo.said()).toContain(`Stopped watching. 2 jobs are going on in the server: ${likeness.url}/graphql`);
  const { data } = await likeness.gql<{ jobs: { edges: unknown[] } }>(
    '{ jobs(active: true) { edges { node { id } } } }',
  );
  expect(data?.jobs.edges).toHaveLength(2);
});

test('says in one line what is wrong', async () => {
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
    [['--photos', empty], `The folder ${empty} has no photos.`],
    [['--photos', join(empty, 'none')], `There is no folder ${join(empty, 'none')}.`],
    [['--photos', few, '--url', taken.url], ': Add 9 more photos: it takes at least 10.'],
    [['--url', otherUrl], `What answers at ${otherUrl} is no Likeness server.`],
    [['--url', 'http://likeness.invalid'], 'Nothing answers at http://likeness.invalid.'],
    [['--url', 'nonsense'], "option '--url <url>' argument 'nonsense' is invalid. Not an http or https URL."],
    [['--presets', 'NICE'], 'NICE is none of FAST, BALANCED'],
    [['--url', await freeUrl(), '--data-dir', dataDir], 'is in use by another Likeness server'],
    [
      ['--url', await freeUrl(), '--data-dir', dataFolder()],
      'This server works with fal itself, which bills trainings and pictures. If you mean that: --live.',
      { FAL_KEY: 'id:secret' },
    ],
  ];
  for (const [flags, message, env] of cases) {
    const demo = play(flags, env);
    expect(await demo.ended).toBe(1);
    expect(demo.said().trimEnd().split('\n').at(-1)).toContain(message);
    expect(demo.said()).not.toContain('    at ');
  }
});
