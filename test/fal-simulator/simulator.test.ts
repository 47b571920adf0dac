import { randomUUID } from 'node:crypto';
import type { FalClient } from '@fal-ai/client';
import { createFalClient } from '@fal-ai/client';
import { describe, expect, it, vi } from 'vitest';
import { manualClock } from '../../src/fal-simulator/clock.ts';
import { call, refusal, simulate } from '../support/simulator.ts';

const endpoint = 'fal-ai/flux-lora';
const submit = (fal: FalClient, prompt = 'a lighthouse') => fal.queue.submit(endpoint, { input: { prompt } });

/** With the manual clock: in the queue at first, in progress after 2 s, completed after 3 s. */
const quick = () => {
  const clock = manualClock();
  return simulate({ clock, speed: 'quick' }).then((parts) => ({ ...parts, clock }));
};
const queueMs = 770;

describe('the queue', () => {
  it('accepts a request, reports its status and returns its result', async () => {
    const { fal, simulator, clock } = await quick();
    const submitted = await submit(fal);
    expect(submitted).toMatchObject({ status: 'IN_QUEUE', queue_position: expect.any(Number) });
    const url = `${simulator.url}/fal-ai/flux-lora/requests/${submitted.request_id}`;
    expect(submitted).toMatchObject({ response_url: url, status_url: `${url}/status`, cancel_url: `${url}/cancel` });

    const requestId = submitted.request_id;
    const status = (logs = true) => fal.queue.status(endpoint, { requestId, logs });
    const queued = await status();
    expect(queued).toMatchObject({
      status: 'IN_QUEUE',
      queue_position: submitted.queue_position,
      logs: [],
      metrics: {},
    });

    clock.advance(queueMs);
    const running = await status();
    expect(running).toMatchObject({ status: 'IN_PROGRESS', metrics: {} });
    expect(await status(false)).toMatchObject({ logs: null });
    expect(await refusal(fal.queue.result(endpoint, { requestId }))).toMatchObject({
      status: 400,
      body: { detail: 'Request is still in progress' },
    });

    clock.advance(2000);
    const completed = await status();
    expect(completed).toMatchObject({ status: 'COMPLETED', metrics: { inference_time: expect.any(Number) } });
    expect(completed).not.toHaveProperty('error');
    const { data, requestId: resultId } = await fal.queue.result(endpoint, { requestId });
    expect(resultId).toBe(requestId);
    expect(data).toMatchObject({ prompt: 'a lighthouse', has_nsfw_concepts: [false] });
    expect(data.images).toMatchObject([{ width: 1024, height: 768, content_type: 'image/jpeg' }]);
  });

  it('answers 202 until COMPLETED and then 200, also to a URL with a trailing slash or with the complete endpoint', async () => {
    const { simulator, clock } = await quick();
    const input = { prompt: 'x', finetune_id: 'unknown', finetune_strength: 1 };
    const submitted = await call(simulator, 'POST', '/fal-ai/flux-pro/v1.1-ultra-finetuned', { body: input });
    expect(submitted.status).toBe(200);
    expect(submitted.headers.get('x-fal-request-id')).toBe(submitted.body.request_id);
    const path = `/fal-ai/flux-pro/requests/${submitted.body.request_id}`;
    expect(submitted.body.status_url).toBe(`${simulator.url}${path}/status`);
    expect((await call(simulator, 'GET', `${path}/status/`)).status).toBe(202);
    clock.advance(2000);
    expect((await call(simulator, 'GET', `${path}/status`)).status).toBe(200);
    const whole = path.replace('flux-pro/', 'flux-pro/v1.1-ultra-finetuned/');
    expect((await call(simulator, 'GET', `${whole}/status?logs=1`)).body.logs).toHaveLength(1);
    expect((await call(simulator, 'GET', `${path}/response`)).status).toBe(422);
  });

  it('counts the queue position down', async () => {
    const { fal, clock } = await quick();
    const { request_id: requestId } = await submit(fal);
    const positions: number[] = [];
    for (;;) {
      const status = await fal.queue.status(endpoint, { requestId });
      if (status.status !== 'IN_QUEUE') break;
      positions.push(status.queue_position);
      clock.advance(20);
    }
    expect(positions).toEqual([...positions].sort((a, b) => b - a));
    expect(positions.at(-1)).toBe(0);
  });

  it('bills by the megapixel', async () => {
    const { simulator } = await simulate();
    const body = { prompt: 'x', num_images: 2, image_size: 'square_hd' };
    const submitted = await call(simulator, 'POST', `/${endpoint}`, { body });
    const result = await call(simulator, 'GET', `/${endpoint}/requests/${submitted.body.request_id}`);
    expect(result.headers.get('x-fal-billable-units')).toBe('4');
    expect(result.headers.get('x-fal-request-id')).toBe(submitted.body.request_id);
  });

  it('chooses a seed of up to 63 bits for an input without one', async () => {
    const { simulator } = await simulate();
    const seeds: bigint[] = [];
    for (let i = 0; i < 8; i += 1) {
      const submitted = await call(simulator, 'POST', `/${endpoint}`, { body: { prompt: 'x' } });
      const response = await fetch(submitted.body.response_url, { headers: { authorization: `Key ${simulator.key}` } });
      const [, seed = ''] = /"seed":(\d+)\}$/.exec(await response.text()) ?? [];
      seeds.push(BigInt(seed));
    }
    expect(new Set(seeds).size).toBe(8);
    expect(seeds.some((seed) => seed > 2n ** 53n)).toBe(true);
    expect(seeds.every((seed) => seed < 2n ** 63n)).toBe(true);
  });

  it.each(['polling', 'streaming'] as const)('works with subscribe of the official client, %s', async (mode) => {
    const { fal } = await simulate({ speed: 'quick' });
    const seen: { status: string; logs: number }[] = [];
    const { data } = await fal.subscribe(endpoint, {
      input: { prompt: 'x', num_inference_steps: 20 },
      logs: true,
      ...(mode === 'polling' ? { mode, pollInterval: 50 } : { mode }),
      onQueueUpdate: (update) => seen.push({ status: update.status, logs: 'logs' in update ? update.logs.length : 0 }),
    });
    expect(data.images).toHaveLength(1);
    expect([...new Set(seen.map(({ status }) => status))]).toEqual(['IN_QUEUE', 'IN_PROGRESS', 'COMPLETED']);
    expect(seen.at(-1)?.logs).toBeGreaterThan(20);
  });

  it('runs a request directly on fal.run', async () => {
    const { fal } = await simulate({ speed: 'quick' });
    const { data, requestId } = await fal.run(endpoint, { input: { prompt: 'x', seed: 7 } });
    expect(data.seed).toBe(7);
    expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(await refusal(fal.run(endpoint, { input: { prompt: '' } }))).toMatchObject({ status: 422 });
  });

  it('is also reached through proxyUrl', async () => {
    const { simulator } = await simulate();
    const fal = createFalClient({ credentials: simulator.key, proxyUrl: { url: simulator.url, when: 'always' } });
    expect((await fal.subscribe(endpoint, { input: { prompt: 'x' } })).data.images).toHaveLength(1);
    expect((await fal.run(endpoint, { input: { prompt: 'x' } })).data.images).toHaveLength(1);
  });
});

describe('the status stream', () => {
  it('sends each change and each log line once, sends pings, and ends after COMPLETED', async () => {
    const { fal, simulator, clock } = await quick();
    const { request_id } = await submit(fal, '[[queued]]');
    const url = `${simulator.url}/${endpoint}/requests/${request_id}/status/stream?logs=1`;
    const response = await fetch(url, { headers: { authorization: `Key ${simulator.key}` } });
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    let text = '';
    const read = response.body?.pipeThrough(new TextDecoderStream()).pipeTo(
      new WritableStream({
        write(chunk) {
          text += chunk;
        },
      }),
    );
    await vi.waitFor(() => expect(text).toContain('"IN_QUEUE"'));
    clock.advance(15_000);
    await vi.waitFor(() => expect(text).toContain(': ping\n\n'));
    await fal.queue.cancel(endpoint, { requestId: request_id });
    await read;
    const events = [...text.matchAll(/^data: (.*)$/gm)].map(([, json = '']) => JSON.parse(json));
    expect(events.map(({ status }) => status)).toEqual(['IN_QUEUE', 'COMPLETED']);
  });

  it('sends log lines as they arrive, each once', async () => {
    const { fal, clock } = await quick();
    const { request_id: requestId } = await submit(fal);
    const stream = await fal.queue.streamStatus(endpoint, { requestId, logs: true });
    const events: { status: string; logs: { message: string; timestamp: string }[] }[] = [];
    stream.on('data', (event) => events.push(event as (typeof events)[number]));
    const done = stream.done();
    let finished = false;
    void done.then(() => (finished = true));
    await vi.waitFor(
      () => {
        clock.advance(20);
        expect(finished).toBe(true);
      },
      { interval: 5 },
    );
    const lines = events.flatMap(({ logs }) => logs.map(({ message, timestamp }) => `${timestamp} ${message}`));
    expect(new Set(lines).size).toBe(lines.length);
    const status = await fal.queue.status(endpoint, { requestId, logs: true });
    expect('logs' in status && status.logs.map((log) => `${log.timestamp} ${log.message}`)).toEqual(lines);
    expect(events.at(-1)?.status).toBe('COMPLETED');
  });

  it('ends when the reader disconnects', async () => {
    const { fal, simulator } = await quick();
    const { request_id } = await submit(fal);
    const leaving = new AbortController();
    const url = `${simulator.url}/${endpoint}/requests/${request_id}/status/stream`;
    const response = await fetch(url, { headers: { authorization: `Key ${simulator.key}` }, signal: leaving.signal });
    await response.body?.getReader().read();
    leaving.abort();
    await expect(simulator.close()).resolves.toBeUndefined();
  });
});

describe('cancelling', () => {
  it('removes a request from the queue, and rejects a second cancel', async () => {
    const { fal, simulator } = await quick();
    const { request_id: requestId } = await submit(fal);
    const path = `/${endpoint}/requests/${requestId}/cancel`;
    expect(await call(simulator, 'PUT', path)).toMatchObject({ status: 200, body: { status: 'OK' } });
    expect(await call(simulator, 'PUT', path)).toMatchObject({ status: 400, body: { status: 'ALREADY_COMPLETED' } });
    expect(await fal.queue.status(endpoint, { requestId, logs: true })).toMatchObject({
      status: 'COMPLETED',
      logs: [],
      metrics: {},
      error: 'Request cancelled by the client.',
      error_type: 'client_cancelled',
    });
    expect(await refusal(fal.queue.result(endpoint, { requestId }))).toMatchObject({
      status: 499,
      body: { detail: 'Request cancelled by the client.' },
    });
  });

  it('stops a running request after a delay', async () => {
    const { fal, simulator, clock } = await quick();
    const { request_id: requestId } = await submit(fal, '[[stuck]]');
    clock.advance(10_000);
    const path = `/${endpoint}/requests/${requestId}/cancel`;
    const accepted = { status: 202, body: { status: 'CANCELLATION_REQUESTED' } };
    expect(await call(simulator, 'PUT', path)).toMatchObject(accepted);
    clock.advance(200);
    // A second cancel does not restart the delay.
    expect(await call(simulator, 'PUT', path)).toMatchObject(accepted);
    expect(await fal.queue.status(endpoint, { requestId })).toMatchObject({ status: 'IN_PROGRESS' });
    clock.advance(50);
    expect(await fal.queue.status(endpoint, { requestId })).toMatchObject({ error_type: 'client_cancelled' });
  });

  it('is too late for a request that has just completed', async () => {
    const { fal, clock } = await quick();
    const { request_id: requestId } = await submit(fal);
    while ((await fal.queue.status(endpoint, { requestId })).status !== 'COMPLETED') clock.advance(10);
    expect(await refusal(fal.queue.cancel(endpoint, { requestId }))).toMatchObject({
      status: 400,
      body: { status: 'ALREADY_COMPLETED' },
    });
    expect((await fal.queue.result(endpoint, { requestId })).data.images).toHaveLength(1);
  });
});

describe('the simulator rejects', () => {
  const unknown = randomUUID();
  it.each<[string, string, string, number, object]>([
    ['an unknown app', 'POST', '/fal-ai/h3-max', 404, { detail: 'Application "h3-max" not found' }],
    ['an unknown path of an app', 'POST', '/fal-ai/flux-pro/new', 404, { detail: 'Path /new not found' }],
    [
      'an app without a path of its own',
      'POST',
      '/fal-ai/flux-pro',
      404,
      { detail: 'Application "flux-pro" not found' },
    ],
    [
      'the status of an unknown request',
      'GET',
      `/fal-ai/flux-lora/requests/${unknown}/status`,
      404,
      { status: 'NOT_FOUND' },
    ],
    ['the result of an unknown request', 'GET', `/fal-ai/flux-lora/requests/${unknown}`, 404, { status: 'NOT_FOUND' }],
    [
      'the stream of an unknown request',
      'GET',
      `/fal-ai/flux-lora/requests/${unknown}/status/stream`,
      404,
      { status: 'NOT_FOUND' },
    ],
    [
      'the cancel of an unknown request',
      'PUT',
      `/fal-ai/flux-lora/requests/${unknown}/cancel`,
      404,
      { status: 'NOT_FOUND' },
    ],
    ['GET of an endpoint', 'GET', '/fal-ai/flux-lora', 405, { detail: 'Method Not Allowed' }],
    ['an unknown file', 'GET', `/files/b/00000000/${unknown}_a.png`, 404, { detail: 'Not Found' }],
  ])('%s', async (_, method, path, status, body) => {
    const { simulator } = await simulate();
    expect(await call(simulator, method, path, method === 'POST' ? { body: {} } : {})).toMatchObject({ status, body });
  });

  it('a request under another app', async () => {
    const { simulator, fal } = await simulate();
    const { request_id } = await submit(fal);
    const answer = await call(simulator, 'GET', `/fal-ai/flux-pro/requests/${request_id}/status`);
    expect(answer).toMatchObject({ status: 404, body: { status: 'NOT_FOUND' } });
  });

  it.each([
    [{}, 'Authentication is required'],
    [{ authorization: 'Key other' }, 'invalid key credentials'],
    [{ authorization: 'Bearer simulated:fal-key' }, 'invalid key credentials'],
  ])('a call without a valid key: %j', async (headers, detail) => {
    const { simulator } = await simulate();
    for (const path of ['/fal-ai/flux-lora', '/storage/upload/initiate']) {
      const response = await fetch(simulator.url + path, { method: 'POST', headers });
      expect(response.status).toBe(401);
      expect(await response.json()).toEqual({ detail });
    }
  });

  it('a body that is not JSON, or too large', async () => {
    const { simulator } = await simulate();
    expect(await call(simulator, 'POST', `/${endpoint}`, { body: '{' })).toMatchObject({ status: 400 });
    const body = { prompt: 'x'.repeat(11 * 2 ** 20) };
    expect(await call(simulator, 'POST', `/${endpoint}`, { body })).toMatchObject({ status: 413 });
    expect(simulator.record.requests()).toEqual([]);
  });

  it('an invalid input, at the result', async () => {
    const { fal } = await simulate();
    const { request_id: requestId } = await fal.queue.submit(endpoint, { input: { prompt: 'x', num_images: 9 } });
    const status = await fal.queue.status(endpoint, { requestId });
    expect(status.status).toBe('COMPLETED');
    expect(status).not.toHaveProperty('error');
    expect(await refusal(fal.queue.result(endpoint, { requestId }))).toMatchObject({
      name: 'ValidationError',
      status: 422,
      body: { detail: [{ loc: ['body', 'num_images'], type: 'less_than_equal' }] },
    });
  });

  it('a foreign host name, which guards against DNS rebinding', async () => {
    const { simulator } = await simulate();
    const { request } = await import('node:http');
    const status = await new Promise((resolve) => {
      request(`${simulator.url}/__simulator/requests`, { headers: { host: 'evil.example' } }, (response) => {
        resolve(response.resume().statusCode);
      }).end();
    });
    expect(status).toBe(403);
  });
});

describe('a directive in the prompt', () => {
  const submitPrompt = async (prompt: string, numImages = 2) => {
    const { fal } = await simulate();
    const { request_id: requestId } = await fal.queue.submit(endpoint, { input: { prompt, num_images: numImages } });
    const status = await fal.queue.status(endpoint, { requestId });
    return { status, result: fal.queue.result(endpoint, { requestId }) };
  };

  it.each([
    ['[[nsfw]]', [true, true]],
    ['a [[nsfw 2]] picture', [false, true]],
    ['plain', [false, false]],
  ])('%s sets the flags of the pictures', async (prompt, flags) => {
    expect((await (await submitPrompt(prompt)).result).data.has_nsfw_concepts).toEqual(flags);
  });

  it.each([
    ['[[blocked]]', 422, { detail: [{ loc: ['body', 'prompt'], type: 'content_policy_violation' }] }, undefined],
    ['[[timeout]]', 504, { detail: [{ type: 'generation_timeout' }] }, undefined],
    ['[[crash]]', 503, { detail: 'Runner disconnected', error_type: 'runner_disconnected' }, 'runner_disconnected'],
  ])('%s makes the request fail', async (prompt, status, body, errorType) => {
    const { simulator } = await simulate();
    const submitted = await call(simulator, 'POST', `/${endpoint}`, { body: { prompt } });
    const path = `/${endpoint}/requests/${submitted.body.request_id}`;
    expect((await call(simulator, 'GET', `${path}/status`)).body.error_type).toBe(errorType);
    expect(await call(simulator, 'GET', path)).toMatchObject({ status, body });
  });
});

it('records the requests that it has accepted', async () => {
  const lines: object[] = [];
  const { fal, simulator } = await simulate({ log: (line) => lines.push(line) });
  const { request_id: id } = await submit(fal);
  const seen = await call(simulator, 'GET', '/__simulator/requests');
  expect(seen.body.requests).toMatchObject([{ id, endpoint, input: { prompt: 'a lighthouse' } }]);
  expect(seen.body.calls).toMatchObject([{ method: 'POST', host: 'queue', path: `/${endpoint}`, status: 200 }]);
  expect(simulator.record.requests()).toHaveLength(1);
  expect(simulator.record.calls()).toHaveLength(1);
  expect(JSON.stringify(lines)).not.toContain('lighthouse');
});
