import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { simulatorKey } from '../../src/fal/simulator/server.ts';
import { clientOf, photoArchive } from '../support/simulator.ts';

const program = join(import.meta.dirname, '../../src/fal/simulator/main.ts');

/** `npm run simulator`, without npm. */
function run(...flags: string[]): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, ['--import', 'tsx', program, '--port', '0', ...flags]);
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** What it prints when it is ready. */
async function ready(child: ChildProcessWithoutNullStreams): Promise<{ url: string; printed: string }> {
  let printed = '';
  for await (const chunk of child.stdout) {
    printed += String(chunk);
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(printed)?.[0];
    if (url !== undefined && printed.includes('});')) return { url, printed };
  }
  throw new Error(`It ended: ${printed}`);
}

it('says how to use it, and forgets nothing when it is killed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'killed-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const first = run('--speed', 'quick', '--data-dir', folder);
  const { url, printed } = await ready(first);
  expect(printed).toContain(`credentials: '${simulatorKey}'`);
  expect(printed).toContain(`${url}/__simulator/requests`);
  const before = clientOf({ url, key: simulatorKey });
  const images_data_url = await before.storage.upload(await photoArchive(4));
  const trainer = 'fal-ai/flux-lora-portrait-trainer';
  const { request_id: training } = await before.queue.submit(trainer, { input: { images_data_url } });
  const { request_id: waiting } = await before.queue.submit('fal-ai/flux-lora', { input: { prompt: '[[queued]]' } });
  first.kill('SIGKILL');
  await once(first, 'exit');

  const second = run('--speed', 'instant', '--data-dir', folder);
  const after = clientOf({ url: (await ready(second)).url, key: simulatorKey });
  expect(await after.queue.status('fal-ai/flux-lora', { requestId: waiting })).toMatchObject({ status: 'IN_QUEUE' });
  await after.queue.subscribeToStatus(trainer, { requestId: training, mode: 'streaming' });
  const { data } = await after.queue.result(trainer, { requestId: training });
  expect((await fetch(data.diffusers_lora_file.url)).status).toBe(200);
  second.kill('SIGTERM');
  expect(await once(second, 'exit')).toEqual([0, null]);
});

it.each([
  [['--speed', 'slow'], 'Allowed choices are quick, real, instant'],
  [['--port', 'http'], 'Not a port'],
])('does not start with %j', async (flags, complaint) => {
  const child = run(...flags);
  expect(await text(child.stderr)).toContain(complaint);
});
