/** Each fault as a caller sees it, with the official client or byte by byte. */
import { once } from 'node:events';
import { connect } from 'node:net';
import sharp from 'sharp';
import { describe, expect, it, vi } from 'vitest';
import { type ManualClock, manualClock } from '../../../src/fal-simulator/clock.ts';
import type { Simulator } from '../../../src/fal-simulator/server.ts';
import { type Heard, hear } from '../../support/hear.ts';
import { call, faulty, refusal, trainPortrait } from '../../support/simulator.ts';

const endpoint = 'fal-ai/flux-lora';
const input = { prompt: 'a lighthouse', num_images: 3, seed: 7, image_size: { width: 256, height: 256 } };

/** Makes a call of this kind, for a request that exists, and returns its bytes. */
async function makeCall({ url, key }: Simulator, kind: string, signal?: AbortSignal): Promise<Heard> {
  const headers = { authorization: `Key ${key}`, 'content-type': 'application/json' };
  const options = { headers, ...(signal && { signal }) };
  const post = async (path: string, body: object) =>
    await hear(url + path, { method: 'POST', body: JSON.stringify(body), ...options });
  const createRequest = async () => JSON.parse((await post(`/${endpoint}`, input)).text) as { response_url: string };
  const upload = { content_type: 'text/plain', file_name: 'a.txt' };
  const initiateUpload = async (path: string) => JSON.parse((await post(path, upload)).text) as { upload_url: string };
  switch (kind) {
    case 'submit':
      return await post(`/${endpoint}`, input);
    case 'run':
      return await hear(`${url}/${endpoint}`, {
        ...options,
        method: 'POST',
        body: JSON.stringify(input),
        headers: { ...headers, 'x-fal-sim-host': 'fal.run' },
      });
    case 'status':
      return await hear(`${(await createRequest()).response_url}/status?logs=1`, options);
    case 'stream':
      return await hear(`${(await createRequest()).response_url}/status/stream?logs=1`, options);
    case 'result':
      return await hear((await createRequest()).response_url, options);
    case 'cancel':
      return await hear(`${(await createRequest()).response_url}/cancel`, { ...options, method: 'PUT' });
    case 'download': {
      const { images } = JSON.parse((await hear((await createRequest()).response_url, options)).text) as {
        images: [{ url: string }];
      };
      return await hear(images[0].url, signal && { signal });
    }
    case 'upload-initiate':
      return await post('/storage/upload/initiate', upload);
    case 'upload-put': {
      const { upload_url } = await initiateUpload('/storage/upload/initiate');
      return await hear(upload_url, { method: 'PUT', body: 'x', ...(signal && { signal }) });
    }
    case 'upload-complete': {
      const { upload_url } = await initiateUpload('/storage/upload/initiate-multipart');
      return await hear(`${upload_url}/complete`, { method: 'POST', body: '{"parts":[]}', ...(signal && { signal }) });
    }
    default:
      return await hear(`${url}/.well-known/jwks.json`, signal && { signal });
  }
}

/** Advances the clock in steps until the promise settles. */
async function advancing<Value>(clock: ManualClock, stepMs: number, done: Promise<Value>): Promise<Value> {
  let isDone = false;
  void done.finally(() => (isDone = true));
  const step = () => {
    clock.advance(stepMs);
    expect(isDone).toBe(true);
  };
  await vi.waitFor(step, { interval: 5 });
  return await done;
}

const whole = ['submit', 'run', 'status', 'result', 'cancel', 'download', 'jwks'];
const uploads = ['upload-initiate', 'upload-put', 'upload-complete'];
const kinds = [...whole, ...uploads, 'stream'];

describe('on every kind of call', () => {
  it.each(kinds)('%s: another status', async (on) => {
    const { simulator } = await faulty([{ on, do: 'answer', status: 503 }]);
    expect(await makeCall(simulator, on)).toMatchObject({ status: 503, text: '{"detail":"Service Unavailable"}' });
  });

  it.each(kinds)('%s: a reset before an answer', async (on) => {
    const { simulator } = await faulty([{ on, do: 'reset' }]);
    expect(await makeCall(simulator, on)).toMatchObject({ status: 0, end: 'ECONNRESET' });
    expect(simulator.record.calls().at(-1)).toMatchObject({ kind: on, status: 0, faults: ['reset'] });
  });

  it.each(kinds)('%s: no answer', async (on) => {
    const { simulator } = await faulty([{ on, do: 'hang' }]);
    const leaving = new AbortController();
    const answer = makeCall(simulator, on, leaving.signal);
    await vi.waitFor(() => expect(simulator.record.calls().at(-1)).toMatchObject({ kind: on, status: null }));
    leaving.abort();
    expect(await answer).toMatchObject({ status: 0, end: 'ABORT_ERR' });
  });

  it.each(kinds)('%s: late headers', async (on) => {
    const clock = manualClock();
    const { simulator } = await faulty([{ on, do: 'slow', delayMs: 60_000 }], { clock });
    const answer = makeCall(simulator, on);
    await vi.waitFor(() => expect(simulator.record.calls().at(-1)).toMatchObject({ kind: on, status: null }));
    const status = await advancing(clock, 10_000, answer);
    expect(status.status).toBeGreaterThanOrEqual(200);
    expect(clock.now() - (simulator.record.calls().at(-1)?.at ?? 0)).toBeGreaterThanOrEqual(60_000);
  });

  it.each(whole)('%s: half an answer, then a reset', async (on) => {
    const { simulator } = await faulty([{ on, do: 'cut' }]);
    const response = await makeCall(simulator, on);
    expect(response.end).toBe('ECONNRESET');
    const announced = Number(response.headers['content-length']);
    expect(announced).toBeGreaterThan(10);
    expect(Buffer.concat(response.pieces)).toHaveLength(Math.floor(announced / 2));
  });

  it.each(whole)('%s: a complete answer that is HTML, truncated JSON, empty or huge', async (on) => {
    const { simulator } = await faulty([
      { on, nth: 1, do: 'malformed' },
      { on, nth: 2, do: 'truncated' },
      { on, nth: 3, do: 'empty' },
      { on, nth: 4, do: 'wrong-type' },
      { on, nth: 5, do: 'huge', bytes: 3_000_000 },
    ]);
    const malformed = await makeCall(simulator, on);
    expect([malformed.end, malformed.text]).toEqual(['whole', '{"detail": <html>upstream</html>']);
    const truncated = await makeCall(simulator, on);
    expect(truncated.end).toBe('whole');
    expect(() => JSON.parse(truncated.text)).toThrow(SyntaxError);
    const empty = await makeCall(simulator, on);
    expect([empty.end, empty.text, empty.headers['content-length']]).toEqual(['whole', '', '0']);
    const other = await makeCall(simulator, on);
    expect([other.end, other.headers['content-type']]).toEqual(['whole', 'text/html']);
    const huge = await makeCall(simulator, on);
    expect([huge.end, Buffer.concat(huge.pieces).length]).toEqual(['whole', 3_000_000]);
  });
});

it.each([
  ['status', 'reset'],
  ['status', 'cut'],
  ['stream', 'break'],
])('a %s with %s resets the connection instead of closing it', async (on, act) => {
  const { simulator } = await faulty([{ on, do: act }]);
  const { body } = await call(simulator, 'POST', `/${endpoint}`, { body: input });
  const { port, host, pathname } = new URL(`${body.status_url}${on === 'stream' ? '/stream' : ''}`);
  const socket = connect(Number(port), '127.0.0.1').resume();
  const head = [`GET ${pathname} HTTP/1.1`, `Host: ${host}`, `Authorization: Key ${simulator.key}`, '', ''];
  socket.write(head.join('\r\n'));
  expect(await once(socket, 'end').catch(({ code }: { code: string }) => code)).toBe('ECONNRESET');
});

describe('answers like those of fal', () => {
  it.each([
    [{ status: 429, retryAfterSeconds: 7 }, { 'retry-after': '7' }, /concurrent_requests_limit/],
    [{ status: 500 }, {}, /Internal Server Error/],
    [{ status: 500, html: true }, { 'content-type': 'text/html' }, /<h1>500/],
    [{ status: 502 }, { 'content-type': 'text/html' }, /<h1>502 Bad Gateway/],
    [{ status: 503 }, { 'content-type': 'application/json' }, /Service Unavailable/],
    [{ status: 504 }, { 'x-fal-error-type': 'request_timeout' }, /"error_type":"request_timeout"/],
    [{ status: 403 }, {}, /Exhausted balance/],
    [{ status: 410 }, {}, /Gone/],
    [{ status: 202 }, {}, /IN_PROGRESS/],
    [{ status: 418, body: { detail: 'tea' }, headers: { 'x-pot': '1' } }, { 'x-pot': '1' }, /^\{"detail":"tea"\}$/],
    [{ status: 599 }, {}, /Status 599/],
  ])('%j', async (fault, headers, text) => {
    const { simulator } = await faulty([{ on: 'status', do: 'answer', ...fault }]);
    const response = await makeCall(simulator, 'status');
    expect(response).toMatchObject({ status: fault.status, headers, end: 'whole' });
    expect(response.text).toMatch(text);
  });

  it('mark a timeout that the caller has set', async () => {
    const { fal, simulator } = await faulty([{ on: 'submit', do: 'user-timeout', when: 'after' }]);
    expect(await refusal(fal.queue.submit(endpoint, { input }))).toMatchObject({ status: 504, isUserTimeout: true });
    expect(simulator.record.requests()).toHaveLength(1);
  });
});

describe('a submit', () => {
  it.each([
    [{ do: 'answer', status: 502 }, 502, 0],
    [{ do: 'answer', status: 502, when: 'after' }, 502, 1],
    [{ do: 'answer', status: 504, when: 'after' }, 504, 1],
    [{ do: 'reset' }, 0, 0],
    [{ do: 'reset', when: 'after' }, 0, 1],
    [{ do: 'cut' }, 200, 1],
    [{ do: 'malformed' }, 200, 1],
  ])('%j: the answer is lost, and the record shows whether fal accepted the submit', async (fault, status, accepted) => {
    const { simulator } = await faulty([{ on: 'submit', ...fault }]);
    expect((await makeCall(simulator, 'submit')).status).toBe(status);
    const requests = simulator.record.requests();
    expect(requests).toHaveLength(accepted);
    expect(simulator.record.calls()).toMatchObject([{ kind: 'submit', endpoint, status }]);
    expect(simulator.record.calls()[0]?.requestId).toBe(requests[0]?.id);
  });

  it('that hangs is accepted and never answered', async () => {
    const { simulator } = await faulty([{ on: 'submit', do: 'hang', when: 'after' }]);
    const leaving = new AbortController();
    const answer = makeCall(simulator, 'submit', leaving.signal);
    await vi.waitFor(() => expect(simulator.record.calls()[0]?.requestId).toBeDefined());
    leaving.abort();
    expect(await answer).toMatchObject({ status: 0 });
    expect(simulator.record.requests()).toHaveLength(1);
  });

  it('that is reset is sent twice by the official client', async () => {
    const { fal, simulator } = await faulty([{ on: 'submit', nth: 1, do: 'reset', when: 'after' }]);
    await fal.queue.submit(endpoint, { input });
    expect(simulator.record.requests()).toHaveLength(2);
  });

  it.each([404, 410])('to a retired endpoint is answered %i, and earlier requests continue', async (status) => {
    const { fal, simulator } = await faulty([{ on: 'submit', nth: { from: 2 }, endpoint, do: 'retired', status }]);
    const { request_id: requestId } = await fal.queue.submit(endpoint, { input });
    expect(await refusal(fal.queue.submit(endpoint, { input }))).toMatchObject({
      status,
      body: { detail: 'Application "flux-lora" not found' },
    });
    expect((await fal.queue.result(endpoint, { requestId })).data.images).toHaveLength(3);
    simulator.clearFaults();
    await fal.queue.submit(endpoint, { input });
    expect(simulator.record.requests()).toHaveLength(2);
  });

  it('may have a changed answer', async () => {
    const { simulator } = await faulty([
      {
        on: 'submit',
        do: 'patch',
        set: { status: 'IN_PROGRESS', gateway_request_id: 'x' },
        remove: ['queue_position'],
      },
    ]);
    const { body } = await call(simulator, 'POST', `/${endpoint}`, { body: input });
    expect(body).toMatchObject({ status: 'IN_PROGRESS', gateway_request_id: 'x', request_id: expect.any(String) });
    expect(body).not.toHaveProperty('queue_position');
  });

  it('is answered 429 if the queue is longer than it allows', async () => {
    const { simulator } = await faulty([{ on: 'submit', do: 'hold', status: 'IN_QUEUE' }]);
    const submit = async () => await call(simulator, 'POST', `/${endpoint}?fal_max_queue_length=1`, { body: input });
    expect([(await submit()).status, (await submit()).status, (await submit()).status]).toEqual([200, 200, 429]);
    expect(simulator.record.requests()).toHaveLength(2);
  });
});

describe('a request', () => {
  const failed = async (type: string) => {
    const { simulator } = await faulty([{ on: 'submit', do: 'fail', type }]);
    const submitted = await call(simulator, 'POST', `/${endpoint}`, { body: input });
    const path = `/${endpoint}/requests/${submitted.body.request_id}`;
    return { status: await call(simulator, 'GET', `${path}/status`), result: await call(simulator, 'GET', path) };
  };

  it.each([
    ['request_timeout', 504],
    ['startup_timeout', 504],
    ['runner_scheduling_failure', 503],
    ['runner_connection_timeout', 503],
    ['runner_disconnected', 503],
    ['runner_connection_refused', 503],
    ['runner_connection_error', 503],
    ['runner_incomplete_response', 502],
    ['runner_server_error', 500],
    ['client_disconnected', 499],
    ['client_cancelled', 499],
    ['bad_request', 400],
    ['internal_error', 500],
  ])('fails outside its model with %s: COMPLETED with the error, %i at the result', async (type, code) => {
    const { status, result } = await failed(type);
    const { detail } = result.body;
    expect(status.body).toMatchObject({ status: 'COMPLETED', error: detail, error_type: type });
    expect(result).toMatchObject({ status: code, body: { detail: expect.any(String), error_type: type } });
    expect(result.headers.get('x-fal-error-type')).toBe(type);
  });

  it.each([
    ['internal_server_error', 500],
    ['generation_timeout', 504],
    ['downstream_service_error', 400],
    ['downstream_service_unavailable', 500],
    ['content_policy_violation', 422],
    ['no_media_generated', 422],
    ['image_too_small', 422],
    ['image_too_large', 422],
    ['image_load_error', 422],
    ['file_download_error', 422],
    ['face_detection_error', 422],
    ['file_too_large', 422],
  ])('fails in its model with %s: COMPLETED, %i at the result', async (type, code) => {
    const { status, result } = await failed(type);
    expect(status.body.status).toBe('COMPLETED');
    expect(status.body).not.toHaveProperty('error');
    expect(result).toMatchObject({ status: code, body: { detail: [{ loc: ['body', 'prompt'], type }] } });
  });

  it('fails when it is run directly', async () => {
    const { fal } = await faulty([{ on: 'run', do: 'fail', type: 'runner_server_error' }]);
    expect(await refusal(fal.run(endpoint, { input }))).toMatchObject({ status: 500 });
  });

  it('may have an error without a type, or with an unknown one', async () => {
    const { fal } = await faulty([{ on: 'status', do: 'patch', set: { error: 'Out of luck' } }]);
    const { request_id: requestId } = await fal.queue.submit(endpoint, { input });
    const status = await fal.queue.status(endpoint, { requestId });
    expect(status).toMatchObject({ status: 'COMPLETED', error: 'Out of luck' });
  });

  it.each(['IN_QUEUE', 'IN_PROGRESS'] as const)('stays %s at its position until it is cancelled', async (status) => {
    const clock = manualClock();
    const { fal } = await faulty([{ on: 'submit', do: 'hold', status }], { clock, speed: 'quick' });
    const { request_id: requestId } = await fal.queue.submit(endpoint, { input });
    clock.advance(60 * 60_000);
    const first = await fal.queue.status(endpoint, { requestId });
    clock.advance(60 * 60_000);
    const second = await fal.queue.status(endpoint, { requestId });
    expect(first.status).toBe(status);
    expect(second).toEqual(first);
    await fal.queue.cancel(endpoint, { requestId });
    clock.advance(1000);
    expect(await fal.queue.status(endpoint, { requestId })).toMatchObject({ error_type: 'client_cancelled' });
  });

  it('completes although it was cancelled', async () => {
    const clock = manualClock();
    const { fal, simulator } = await faulty([{ on: 'cancel', do: 'ignore' }], { clock, speed: 'quick' });
    const { request_id: requestId } = await fal.queue.submit(endpoint, { input });
    const path = `/${endpoint}/requests/${requestId}/cancel`;
    expect(await call(simulator, 'PUT', path)).toMatchObject({
      status: 202,
      body: { status: 'CANCELLATION_REQUESTED' },
    });
    clock.advance(5000);
    expect((await fal.queue.result(endpoint, { requestId })).data.images).toHaveLength(3);
  });

  it('has the queue position of the plan', async () => {
    const { fal } = await faulty([
      { on: 'submit', do: 'hold', status: 'IN_QUEUE' },
      { on: 'status', do: 'patch', set: { queue_position: 8663 } },
    ]);
    const { request_id: requestId } = await fal.queue.submit(endpoint, { input });
    expect(await fal.queue.status(endpoint, { requestId })).toMatchObject({ queue_position: 8663 });
  });
});

describe('a result', () => {
  const ofFaults = async (...faults: object[]) => {
    const parts = await faulty(faults.map((fault) => ({ on: 'result', ...fault })));
    const { request_id: requestId } = await parts.fal.queue.submit(endpoint, { input });
    return { ...parts, requestId, result: () => parts.fal.queue.result(endpoint, { requestId }) };
  };

  it('is not ready at the first read', async () => {
    const { result } = await ofFaults(
      { nth: 1, do: 'unfinished' },
      { nth: 2, do: 'unfinished', status: 202 },
      { nth: 3, do: 'answer', status: 404 },
      { nth: 4, do: 'malformed' },
    );
    expect(await refusal(result())).toMatchObject({ status: 400, body: { detail: 'Request is still in progress' } });
    // The official client mistakes the status for the data.
    expect((await result()).data).toMatchObject({ status: 'IN_PROGRESS', response_url: expect.any(String) });
    expect(await refusal(result())).toMatchObject({ status: 404, body: { status: 'NOT_FOUND' } });
    await expect(result()).rejects.toThrow(SyntaxError);
    expect((await result()).data.images).toHaveLength(3);
  });

  it.each([0, 2])('has %i of three images', async (keep) => {
    const { result } = await ofFaults({ do: 'images', keep });
    const { data } = await result();
    expect([data.images.length, data.has_nsfw_concepts?.length]).toEqual([keep, keep]);
    expect(data).toMatchObject({ prompt: 'a lighthouse', seed: 7 });
  });

  it('keeps every digit of its seed when it is patched', async () => {
    const { simulator } = await faulty([{ on: 'result', nth: 2, do: 'patch', remove: ['timings'] }]);
    const { body } = await call(simulator, 'POST', `/${endpoint}`, { body: { prompt: 'x' } });
    const text = async () =>
      (await hear(body.response_url, { headers: { authorization: `Key ${simulator.key}` } })).text;
    const seed = /"seed":(\d+)/;
    const [right, changed] = [await text(), await text()];
    expect(changed).not.toContain('timings');
    expect(right).toContain('timings');
    expect(seed.exec(changed)?.[1]).toBe(seed.exec(right)?.[1]);
  });

  it('may lack its images', async () => {
    const { result } = await ofFaults({ do: 'patch', remove: ['images'] });
    expect((await result()).data).not.toHaveProperty('images');
  });

  it('is far too long, but valid JSON', async () => {
    const { result, simulator } = await ofFaults({ do: 'huge', bytes: 20_000_000 });
    expect((await result()).data.images).toHaveLength(3);
    expect((await makeCall(simulator, 'result')).text).toHaveLength(20_000_000);
  });

  it('that is not JSON is not patched', async () => {
    const { simulator } = await faulty([
      { on: 'result', do: 'patch', set: { a: 1 } },
      { on: 'result', do: 'malformed' },
    ]);
    expect((await makeCall(simulator, 'result')).text).toBe('{"detail": <html>upstream</html>');
  });
});

describe('a file', () => {
  it('is gone', async () => {
    const { simulator } = await faulty([{ on: 'download', do: 'answer', status: 404 }]);
    expect((await makeCall(simulator, 'download')).status).toBe(404);
  });

  it.each(['jpeg', 'png'] as const)('is a %s that cannot be decoded', async (output_format) => {
    const { fal } = await faulty([{ on: 'download', nth: 2, do: 'corrupt' }]);
    const { data } = await fal.subscribe(endpoint, { input: { prompt: 'x', output_format } });
    const read = async () => await hear(data.images[0]?.url ?? '');
    const [right, wrong] = [await read(), await read()];
    const [good, bad] = [Buffer.concat(right.pieces), Buffer.concat(wrong.pieces)];
    expect(bad).toHaveLength(good.length);
    expect(wrong.headers['content-type']).toBe(`image/${output_format}`);
    expect((await sharp(good).stats()).isOpaque).toBe(true);
    await expect(sharp(bad).stats()).rejects.toThrow(/Input|libpng/);
  });

  it('arrives slowly', async () => {
    const clock = manualClock();
    const { simulator } = await faulty([{ on: 'download', do: 'drip', pieces: 3, pauseMs: 1000 }], { clock });
    const began = clock.now();
    const { pieces, headers } = await advancing(clock, 100, makeCall(simulator, 'download'));
    expect(Buffer.concat(pieces)).toHaveLength(Number(headers['content-length']));
    expect(clock.now() - began).toBeGreaterThanOrEqual(2000);
  });

  it('of a training counts as a call of its request', async () => {
    const { simulator, fal } = await faulty([{ on: 'download', request: 1, do: 'empty' }]);
    expect((await hear(await trainPortrait(fal))).text).toBe('');
    expect((await hear(await trainPortrait(fal))).text).not.toBe('');
    expect(simulator.record.calls().filter(({ kind }) => kind === 'download')).toMatchObject([
      { endpoint: 'fal-ai/flux-lora-portrait-trainer', faults: ['empty'] },
      { endpoint: 'fal-ai/flux-lora-portrait-trainer', requestId: simulator.record.requests()[1]?.id },
    ]);
  });
});

it('applies all faults that match a call, the first outermost', async () => {
  const { simulator } = await faulty([
    { on: 'status', do: 'patch', set: { a: 'first', b: 1 } },
    { on: 'status', do: 'patch', set: { a: 'second', c: 2 } },
  ]);
  expect(JSON.parse((await makeCall(simulator, 'status')).text)).toMatchObject({ a: 'first', b: 1, c: 2 });
});
