/** The simulated fal for tests: one that starts at once, the official client pointed at it, archives for its trainers. */
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { createFalClient, type FalClient } from '@fal-ai/client';
import { onTestFinished } from 'vitest';
import { ZipFile } from 'yazl';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/fal-simulator/server.ts';
import { photoNames, photoPath } from './photos.ts';

/** Closed when the test is over; `instant` unless said otherwise. */
export async function simulate(
  options: Partial<SimulatorOptions> = {},
): Promise<{ fal: FalClient; simulator: Simulator }> {
  const simulator = await startSimulator({ dataDir: undefined, speed: 'instant', ...options });
  onTestFinished(() => simulator.close());
  return { simulator, fal: clientOf(simulator) };
}

/** The same with these faults from the start. */
export async function faulty(faults: object[], options: Partial<SimulatorOptions> & { seed?: number } = {}) {
  const { seed = 0, ...rest } = options;
  const parts = await simulate(rest);
  parts.simulator.setFaults({ seed, faults });
  return parts;
}

/** The official client, unmodified: its own hook sends fal's hosts to the simulator. */
export function clientOf({ url, key }: Pick<Simulator, 'url' | 'key'>): FalClient {
  return createFalClient({
    credentials: key,
    requestMiddleware: async (request) => {
      const { hostname, pathname, search } = new URL(request.url);
      return { ...request, url: url + pathname + search, headers: { ...request.headers, 'x-fal-sim-host': hostname } };
    },
  });
}

/** One call without the client. */
export async function call(
  { url, key }: Pick<Simulator, 'url' | 'key'>,
  method: string,
  path: string,
  { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
) {
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Key ${key}`, ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
}

export async function zip(files: Record<string, Buffer>): Promise<File> {
  const archive = new ZipFile();
  for (const [name, content] of Object.entries(files)) archive.addBuffer(content, name);
  archive.end();
  return new File([await buffer(archive.outputStream)], 'photos.zip', { type: 'application/zip' });
}

/** An archive of the first good photos. */
export async function photoArchive(count: number): Promise<File> {
  const names = photoNames('good').slice(0, count);
  const photos = names.map(async (name) => [name, await readFile(photoPath(`good/${name}`))] as const);
  return zip(Object.fromEntries(await Promise.all(photos)));
}

export async function trainPortrait(fal: FalClient, trigger = 'TOK_1a2b3c4d'): Promise<string> {
  const images_data_url = await fal.storage.upload(await photoArchive(4));
  const { data } = await fal.subscribe('fal-ai/flux-lora-portrait-trainer', {
    input: { images_data_url, trigger_phrase: trigger },
  });
  return data.diffusers_lora_file.url;
}

export async function trainStyle(fal: FalClient): Promise<string> {
  const data_url = await fal.storage.upload(await photoArchive(4));
  const input = { data_url, finetune_comment: 'ink', mode: 'style' };
  const { data } = await fal.subscribe('fal-ai/flux-pro-trainer', { input });
  return data.finetune_id;
}

/** What a promise rejects with: fal's ApiError, as far as the tests look at it. */
export async function refusal(promise: Promise<unknown>): Promise<{ status: number; body: unknown }> {
  try {
    await promise;
  } catch (error) {
    return error as { status: number; body: unknown };
  }
  throw new Error('It was not refused');
}
