import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { simulatorKey } from '../../src/fal-simulator/server.ts';
import { call, clientOf, photoArchive } from '../support/simulator.ts';

const program = join(import.meta.dirname, '../../src/fal-simulator/main.ts');

/** Runs what `npm run simulator` runs. The process is killed after the test. */
function run(...flags: string[]): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, ['--import', 'tsx', program, '--port', '0', ...flags]);
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** Waits until the simulator is ready. Returns its URL and what it has printed. */
async function ready(child: ChildProcessWithoutNullStreams): Promise<{ url: string; printed: string }> {
  let printed = '';
  for await (const chunk of child.stdout) {
    printed += String(chunk);
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(printed)?.[0];
    if (url !== undefined && printed.includes('});')) return { url, printed };
  }
  throw new Error(`The simulator exited: ${printed}`);
}

it('prints how to use it, and continues all requests after a kill', async () => {
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

/** Creates a temporary fault plan file. */
function fileOf(content: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'plan-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'plan.json'), content);
  return join(folder, 'plan.json');
}

it('applies the fault plan of --faults, and advances a clock held by --hold-clock', async () => {
  const faults = fileOf(JSON.stringify({ faults: [{ on: 'submit', nth: 2, do: 'answer', status: 503 }] }));
  const folder = mkdtempSync(join(tmpdir(), 'faulty-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const child = run('--data-dir', folder, '--faults', faults, '--hold-clock');
  const simulator = { url: (await ready(child)).url, key: simulatorKey };
  const submit = async () => await call(simulator, 'POST', '/fal-ai/flux-lora', { body: { prompt: 'x' } });
  const { body } = await submit();
  expect((await submit()).status).toBe(503);
  const status = async () => (await call(simulator, 'GET', new URL(body.status_url).pathname)).body.status;
  expect(await status()).toBe('IN_QUEUE');
  const { body: time } = await call(simulator, 'POST', '/__simulator/clock', { body: { advanceMs: 60_000 } });
  expect(await status()).toBe('COMPLETED');
  expect(Math.abs(time.now - 60_000 - Date.now())).toBeLessThan(60_000);
  expect((await call(simulator, 'GET', '/__simulator/faults')).body.faults).toMatchObject([{ met: 2, done: 1 }]);
});

it.each([
  ['{ "faults": [{ "on": "submit", "do": "explode" }] }', /plan\.json: The fault plan is invalid: faults\[0\]\.do: /],
  ['{ "faults": ', /plan\.json is not JSON\.\n$/],
])('exits with an error for the plan %s', async (content, message) => {
  const child = run('--faults', fileOf(content));
  const stderr = text(child.stderr);
  expect(await once(child, 'exit')).toEqual([1, null]);
  expect(await stderr).toMatch(message);
});

it('exits with an error for a plan file that does not exist', async () => {
  const child = run('--faults', '/nowhere/plan.json');
  expect(await text(child.stderr)).toBe('/nowhere/plan.json cannot be read.\n');
});

it.each([
  [['--speed', 'slow'], 'Allowed choices are quick, real, instant'],
  [['--port', 'http'], 'Not a port'],
])('exits with an error for %j', async (flags, message) => {
  const child = run(...flags);
  expect(await text(child.stderr)).toContain(message);
});
