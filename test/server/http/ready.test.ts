/** /ready names the part that is not well: its storage, its steps; and never fal. */
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { liveAt, startLikeness } from '../../support/likeness.ts';

async function open(options: Parameters<typeof startLikeness>[0] = {}) {
  const likeness = await startLikeness(options);
  onTestFinished(() => likeness.close());
  const ready = async () => {
    const answer = await fetch(`${likeness.url}/ready`);
    return { status: answer.status, ...((await answer.json()) as { parts: Record<string, true | string> }) };
  };
  return { likeness, ready };
}

/** The worker has asked for steps once by then. */
const soon = (check: () => Promise<void>) => vi.waitFor(check, { interval: 50 });

const well = { database: true, disk: true, steps: true, storage: true };

test('fal that cannot be reached is no reason', async () => {
  const { ready } = await open({ env: liveAt('http://127.0.0.1:1') });
  const note = expect.stringContaining('fal');
  await soon(async () => expect(await ready()).toEqual({ status: 200, ready: true, parts: well, note }));
});

test('storage that cannot be written to, until it can', async () => {
  const { likeness, ready } = await open({ manual: true });
  expect(await ready()).toMatchObject({ status: 200, parts: well });
  const folder = join(likeness.dataDir, 'files');
  const aside = `${folder}.aside`;
  if (existsSync(folder)) renameSync(folder, aside);
  writeFileSync(folder, 'no folder');
  expect(await ready()).toMatchObject({ status: 503, parts: { ...well, storage: 'cannot be written to' } });
  rmSync(folder);
  if (existsSync(aside)) renameSync(aside, folder);
  expect(await ready()).toMatchObject({ status: 200, parts: well });
});

test('no worker has asked for steps for a while', async () => {
  const { likeness, ready } = await open();
  await soon(async () => expect(await ready()).toMatchObject({ status: 200, parts: well }));
  await likeness.worker.stop();
  const now = performance.now.bind(performance);
  const later = vi.spyOn(performance, 'now').mockImplementation(() => now() + 60_000);
  onTestFinished(() => later.mockRestore());
  expect(await ready()).toMatchObject({ status: 503, parts: { ...well, steps: 'not asked for in 60 seconds' } });
});
