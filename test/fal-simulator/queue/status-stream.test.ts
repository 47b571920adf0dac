/** The status stream waits for a slow reader. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { manualClock } from '../../../src/fal-simulator/clock.ts';
import { openQueue } from '../../../src/fal-simulator/queue/queue.ts';
import { statusStream } from '../../../src/fal-simulator/queue/status-stream.ts';
import { openStorage } from '../../../src/fal-simulator/storage/files.ts';
import { openStore } from '../../../src/fal-simulator/storage/store.ts';

it('sends a change that happened while the reader was busy as soon as the reader continues, not with the next ping', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'likeness-stream-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const clock = manualClock();
  const { signal } = new AbortController();
  const store = await openStore(folder, clock, () => undefined);
  onTestFinished(() => store.close());
  const storage = await openStorage(folder, store);
  const train = () => Promise.reject(new Error('There is nothing to train.'));
  const queue = openQueue({ store, storage, clock, speed: 'quick', train, signal });
  const { id } = await queue.submit('fal-ai/flux-lora', { prompt: 'a lighthouse' });

  const stream = statusStream(id, { queue, clock, baseUrl: 'http://fal', withLogs: false, signal });
  const next = async () => {
    const { value } = await stream.next();
    return JSON.parse(String(value).slice('data: '.length)) as { status: string };
  };
  expect(await next()).toMatchObject({ status: 'IN_QUEUE' });
  clock.advance(60_000);
  expect(await next()).toMatchObject({ status: 'COMPLETED' });
  expect(await stream.next()).toMatchObject({ done: true });
});
