/** The simulator's admin pages: the record of its calls, and the control of its clock. */
import { describe, expect, it, vi } from 'vitest';
import { manualClock } from '../../src/fal-simulator/clock.ts';
import { openCallLog } from '../../src/fal-simulator/http/call-log.ts';
import { receiver, settled } from '../support/receiver.ts';
import { call, faulty, simulate } from '../support/simulator.ts';

const endpoint = 'fal-ai/flux-lora';
const input = { prompt: 'x', image_size: { width: 256, height: 256 } };

describe('the record', () => {
  it('lists each submit with its token, whether fal accepted it or not and whether it was answered or not', async () => {
    const { url } = await receiver();
    const { simulator, fal } = await faulty([
      { on: 'submit', nth: 2, do: 'reset' },
      { on: 'submit', nth: 3, do: 'reset', when: 'after' },
      { on: 'submit', nth: 4, do: 'answer', status: 429 },
    ]);
    const submit = async (token: string) => {
      const path = `/${endpoint}?fal_webhook=${encodeURIComponent(`${url}&job=${token}`)}`;
      return await call(simulator, 'POST', path, { body: input }).catch(() => undefined);
    };
    for (const token of ['a', 'b', 'b', 'c', 'c']) await submit(token);
    await fal.queue.submit(endpoint, { input });
    await settled(simulator);

    const { requests, calls, webhooks } = (await call(simulator, 'GET', '/__simulator/requests')).body;
    const tokensOf = (list: { webhookUrl?: string }[]) =>
      list.map(({ webhookUrl }) => webhookUrl && new URL(webhookUrl).searchParams.get('job'));
    expect(tokensOf(requests)).toEqual(['a', 'b', 'c', undefined]);
    expect(tokensOf(calls)).toEqual(['a', 'b', 'b', 'c', 'c', undefined]);
    expect(calls).toMatchObject([
      { number: 1, kind: 'submit', endpoint, requestId: requests[0].id, status: 200 },
      { status: 0, faults: ['reset'] },
      { requestId: requests[1].id, status: 0, faults: ['reset'] },
      { status: 429, faults: ['answer'] },
      { requestId: requests[2].id, status: 200 },
      { requestId: requests[3].id, status: 200 },
    ]);
    expect(requests[0]).toMatchObject({
      endpoint,
      acceptedAt: expect.any(Number),
      webhookSettledAt: expect.any(Number),
    });
    const delivered = webhooks.map(({ requestId, status }: { requestId: string; status: number }) => [
      requestId,
      status,
    ]);
    expect(delivered).toHaveLength(3);
    expect(delivered).toEqual(expect.arrayContaining(requests.slice(0, 3).map(({ id }: { id: string }) => [id, 200])));
  });

  it('lists each call with its kind, endpoint and request', async () => {
    const { simulator, fal } = await simulate();
    const { request_id: requestId } = await fal.queue.submit('fal-ai/flux-lora', { input });
    await fal.queue.status(endpoint, { requestId });
    await (await fal.queue.streamStatus(endpoint, { requestId })).done();
    const { data } = await fal.queue.result(endpoint, { requestId });
    await fetch(data.images[0]?.url ?? '');
    await fal.queue.cancel(endpoint, { requestId }).catch(() => undefined);
    await fetch(await fal.storage.upload(new File(['x'], 'a.txt')));
    await fetch(`${simulator.url}/.well-known/jwks.json`);
    await fal.run(endpoint, { input });
    await call(simulator, 'GET', '/storage/elsewhere');
    const about = { endpoint, requestId, status: 200 };
    const seen = simulator.record.calls();
    expect(seen).toMatchObject([
      { kind: 'submit', ...about },
      { kind: 'status', ...about },
      { kind: 'stream', ...about },
      { kind: 'result', ...about },
      { kind: 'download', ...about },
      { kind: 'cancel', ...about, status: 400 },
      { kind: 'upload-initiate' },
      { kind: 'upload-put' },
      { kind: 'download' },
      { kind: 'jwks' },
      { kind: 'run', endpoint, requestId: simulator.record.requests()[1]?.id },
      { kind: 'other', status: 405 },
    ]);
    expect(seen[8]).not.toHaveProperty('requestId');
    expect(seen[6]).not.toHaveProperty('endpoint');
  });

  it('is logged without tokens', async () => {
    const lines: object[] = [];
    const { simulator } = await simulate({ log: (line) => lines.push(line) });
    await call(simulator, 'POST', `/${endpoint}?fal_webhook=http://127.0.0.1:9/secret`, { body: input });
    expect(lines).toContainEqual(expect.objectContaining({ kind: 'submit', status: 200 }));
    expect(JSON.stringify(lines)).not.toContain('secret');
    expect(simulator.record.calls()[0]?.webhookUrl).toContain('secret');
  });

  it('keeps the last 10,000 calls of each kind, so that status reads displace no submit', async () => {
    const record = openCallLog();
    const addCall = (kind: 'submit' | 'status') =>
      record.add(
        { method: 'GET', host: 'queue', path: '/', query: new URLSearchParams() } as never,
        { kind, endpoint: undefined, requestId: undefined },
        [],
        0,
      );
    addCall('submit');
    for (let i = 0; i < 10_005; i += 1) addCall('status');
    const calls = record.calls();
    expect(calls).toHaveLength(10_001);
    expect([calls[0]?.kind, calls[1]?.number, calls.at(-1)?.number]).toEqual(['submit', 7, 10_006]);
  });
});

describe('the manual clock', () => {
  it('advances on request only', async () => {
    const clock = manualClock();
    const { simulator, fal } = await simulate({ clock, speed: 'quick' });
    const { request_id: requestId } = await fal.queue.submit(endpoint, { input });
    const status = async () => (await fal.queue.status(endpoint, { requestId })).status;
    const advance = async (advanceMs: unknown) =>
      await call(simulator, 'POST', '/__simulator/clock', { body: { advanceMs } });
    expect(await status()).toBe('IN_QUEUE');
    expect((await call(simulator, 'GET', '/__simulator/clock')).body).toEqual({ now: clock.now(), held: true });
    expect(await advance(770)).toMatchObject({ status: 200, body: { now: clock.now(), held: true } });
    expect(await status()).toBe('IN_PROGRESS');
    await advance(2000);
    expect(await status()).toBe('COMPLETED');
    expect(await advance(-1)).toMatchObject({ status: 400 });
    expect(await advance('soon')).toMatchObject({ status: 400 });
  });

  it('runs what is due when it advances', async () => {
    const { url: webhookUrl, deliveries } = await receiver();
    const { simulator, fal } = await simulate({ clock: manualClock(), speed: 'quick' });
    await fal.queue.submit(endpoint, { input, webhookUrl });
    expect(deliveries).toEqual([]);
    await call(simulator, 'POST', '/__simulator/clock', { body: { advanceMs: 5000 } });
    await vi.waitFor(() => expect(deliveries).toHaveLength(1));
  });

  it('is the only one that can be advanced: a running clock answers 409', async () => {
    const { simulator } = await simulate();
    expect((await call(simulator, 'GET', '/__simulator/clock')).body).toMatchObject({ held: false });
    expect(await call(simulator, 'POST', '/__simulator/clock', { body: { advanceMs: 1 } })).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining('--hold-clock') },
    });
  });
});

it('lists its pages in the 404 of an unknown one', async () => {
  const { simulator } = await simulate();
  expect(await call(simulator, 'GET', '/__simulator/nothing')).toMatchObject({
    status: 404,
    body: { detail: expect.stringContaining('/__simulator/faults') },
  });
  expect(simulator.record.calls()).toEqual([]);
});
