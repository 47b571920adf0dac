/** One run of the demo, and its messages. demo.stress.test.ts restarts, stops and misuses it. */
import { copyFileSync, cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test, vi } from 'vitest';
import { dataFolder } from '../support/likeness.ts';
import { photoPath } from '../support/photos.ts';
import { freeUrl, isUp, runDemo, temporaryFolder } from './run-demo.ts';

// Each test starts processes, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 300_000 });

test('runs all steps on a server that it starts', async () => {
  const photos = temporaryFolder();
  cpSync(photoPath('good'), photos, { recursive: true });
  copyFileSync(photoPath('bad/truncated.jpg'), join(photos, 'truncated.jpg'));
  const url = await freeUrl();
  const demo = runDemo(['--url', url, '--data-dir', dataFolder(), '--photos', photos], {}, 'FAST');
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
  expect(demo.output()).toMatch(/Woodcut, FAST: drawn in [\d.]+ s/);

  expect(readdirSync(demo.out).sort()).toEqual(['ada-fast.jpg', 'woodcut-fast.jpg']);
  for (const name of readdirSync(demo.out)) {
    const path = join(demo.out, name);
    const { info } = await sharp(path, { failOn: 'warning' }).raw().toBuffer({ resolveWithObject: true });
    expect(demo.output()).toContain(`${path}  ${info.width} x ${info.height}`);
  }
  expect(await isUp(url)).toBe(false);
});

test('reports an error in one line', async () => {
  const none = join(temporaryFolder(), 'none');
  const demo = runDemo(['--photos', none]);
  expect(await demo.ended).toBe(1);
  expect(demo.output().trimEnd().split('\n').at(-1)).toContain(`The folder ${none} does not exist.`);
  expect(demo.output()).not.toContain('    at ');
});
