/** The demo with several presets, restarted, stopped and misused. */
import { once } from 'node:events';
import { copyFileSync, existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, onTestFinished, test, vi } from 'vitest';
import { gql } from '../support/http.ts';
import { dataFolder, startLikeness } from '../support/likeness.ts';
import { photoPath } from '../support/photos.ts';
import { freeUrl, isUp, pictures, printed, runDemo, temporaryFolder } from './run-demo.ts';

// Each test starts processes, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 300_000 });

test('draws with several presets', async () => {
  const url = await freeUrl();
  const demo = runDemo(['--url', url, '--data-dir', dataFolder()]);
  expect([await demo.ended, demo.output()]).toEqual([0, expect.any(String)]);

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
