import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EndpointId } from '../../../src/fal/endpoints.ts';
import {
  type Adapter,
  cancelRoute,
  endpoint,
  openAdapter,
  rejection,
  requestId,
  resultRoute,
  statusRoute,
} from '../../support/adapter.ts';
import { type Act, hang, json, reset, resetMidBody, text } from '../../support/scripted-fal.ts';

let adapter: Adapter;
beforeEach(async () => {
  adapter = await openAdapter({ timeouts: { readMs: 300 } });
});
afterEach(async () => adapter.close());

const result = async (signal?: AbortSignal) => adapter.fal.result(endpoint, requestId, signal);
const output = { images: [{ url: 'https://v3.fal.media/files/b/x.png' }], seed: 5 };

describe('a result', () => {
  it('is read under the owner and alias of its endpoint', async () => {
    adapter.server.script(resultRoute, json(200, output));
    expect(await result()).toEqual(output);
    expect(adapter.server.seen).toHaveLength(1);
  });

  it('keeps every digit of a long seed, as a string', async () => {
    const body =
      '{"seed":12345678901234567890,"prompt":"12345678901234567890 \\"99999999999999999999","n":9007199254740991}';
    adapter.server.script(resultRoute, text(200, body, { 'content-type': 'application/json' }));
    expect(await result()).toEqual({
      seed: '12345678901234567890',
      prompt: '12345678901234567890 "99999999999999999999',
      n: 9_007_199_254_740_991,
    });
  });

  it('may be inside the status, as in the older reference', async () => {
    adapter.server.script(resultRoute, json(200, { status: 'COMPLETED', logs: [], response: output }));
    expect(await result()).toEqual(output);
  });

  it.each<[string, Act]>([
    ['429', json(429, {})],
    ['500 of a gateway', json(500, { detail: 'Internal Server Error' })],
    ['502', text(502, '<html>')],
    ['503', json(503, {})],
    ['504', text(504, '')],
    ['reset', reset],
    ['reset in the answer', resetMidBody],
    ['no answer', hang],
    ['broken JSON', text(200, '{"images":[')],
    ['nothing', text(200, '')],
    ['a redirect', text(302, '', { location: '/elsewhere' })],
    ['202 with a status', json(202, { status: 'IN_PROGRESS', request_id: requestId })],
    ['200 with a status', json(200, { status: 'IN_PROGRESS', request_id: requestId, logs: null })],
    ['not finished', json(400, { detail: 'Request is still in progress' })],
  ])('is requested again after %s', async (_name, act) => {
    adapter.server.script(resultRoute, act, json(200, output));
    expect(await result()).toEqual(output);
    expect(adapter.slept).toEqual([500]);
  });

  it.each<[string, Act, object]>([
    ['throttled', json(429, {}), { code: 'RATE_LIMITED' }],
    ['down', json(503, {}), { code: 'FAL_UNAVAILABLE', status: 503 }],
    ['unfinished', json(202, { status: 'IN_QUEUE', request_id: requestId }), { code: 'FAL_UNAVAILABLE' }],
    ['garbled', text(200, '<html>'), { code: 'FAL_UNAVAILABLE' }],
  ])('is a transient error when it stays %s for three attempts', async (_name, act, expected) => {
    adapter.server.always(resultRoute, act);
    expect(await rejection(result())).toMatchObject({ name: 'FalError', transient: true, ...expected });
    expect(adapter.server.seen).toHaveLength(3);
    expect(adapter.slept).toEqual([500, 1000]);
  });

  it('honours a short Retry-After, and leaves a long one to the caller', async () => {
    adapter.server.script(resultRoute, json(429, {}, { 'retry-after': '3' }), json(429, {}, { 'retry-after': '30' }));
    expect(await rejection(result())).toMatchObject({ code: 'RATE_LIMITED', transient: true, retryAfterMs: 30_000 });
    expect(adapter.slept).toEqual([3000]);
  });

  it.each<[string, Act, object]>([
    [
      '422',
      json(422, { detail: [{ loc: ['body', 'finetune_id'], msg: 'unknown', type: 'value_error' }] }),
      { code: 'INVALID_FINETUNE_ID' },
    ],
    [
      '504 that the model recorded',
      json(504, { detail: 'timed out', error_type: 'request_timeout' }),
      { code: 'FAL_UNAVAILABLE' },
    ],
    ['500 that a header marks', json(500, {}, { 'x-fal-error-type': 'internal_error' }), { code: 'FAL_UNAVAILABLE' }],
    ['404', json(404, { status: 'NOT_FOUND' }), { code: 'RESULT_LOST' }],
    ['401', json(401, {}), { code: 'FAL_UNAUTHORIZED' }],
  ])('is a final error at once on %s', async (_name, act, expected) => {
    adapter.server.script(resultRoute, act);
    expect(await rejection(result())).toMatchObject({ name: 'FalError', transient: false, ...expected });
    expect(adapter.server.seen).toHaveLength(1);
  });

  it('of a cancelled request is reported as cancelled', async () => {
    adapter.server.script(resultRoute, json(499, { detail: 'Request cancelled by the client.' }));
    expect(await rejection(result())).toMatchObject({
      name: 'RequestCancelled',
      message: 'Request cancelled by the client.',
    });
  });

  it('is aborted at once when the caller aborts', async () => {
    adapter.server.script(resultRoute, hang);
    const leaving = new AbortController();
    const asking = rejection(result(leaving.signal));
    const { closed } = await adapter.server.nth(resultRoute, 1);
    const reason = new Error('no longer needed');
    leaving.abort(reason);
    expect(await asking).toBe(reason);
    await closed;
  });

  it('is aborted between two attempts', async () => {
    const leaving = new AbortController();
    const { fal, server, close } = await openAdapter({ sleep: async () => leaving.abort() });
    server.always(resultRoute, json(503, {}));
    expect(await rejection(fal.result(endpoint, requestId, leaving.signal))).toMatchObject({ name: 'AbortError' });
    expect(server.seen).toHaveLength(1);
    await close();
  });
});

describe('one read of the status', () => {
  it('requests the logs, and returns them in UTC', async () => {
    const timestamp = '2024-12-20T15:37:17.120314';
    adapter.server.script(
      statusRoute,
      json(503, {}),
      json(202, { status: 'IN_PROGRESS', logs: [{ message: 'a', timestamp }] }),
    );
    expect(await adapter.fal.status(endpoint, requestId)).toEqual({
      status: 'IN_PROGRESS',
      queuePosition: undefined,
      logs: [{ message: 'a', timestamp: `${timestamp}Z`, level: undefined }],
      error: undefined,
    });
    expect(adapter.server.seen.map(({ query }) => query)).toEqual(['?logs=1', '?logs=1']);
  });

  it('of an unknown request is permanent', async () => {
    adapter.server.script(statusRoute, json(404, { status: 'NOT_FOUND' }));
    expect(await rejection(adapter.fal.status(endpoint, requestId))).toMatchObject({
      code: 'RESULT_LOST',
      transient: false,
    });
  });
});

describe('a cancel', () => {
  it.each<[string, Act, string]>([
    ['202', json(202, { status: 'CANCELLATION_REQUESTED' }), 'REQUESTED'],
    ['200', json(200, { status: 'OK' }), 'REQUESTED'],
    ['200 without a body', text(200, ''), 'REQUESTED'],
    ['200 that says it was done', json(200, { status: 'ALREADY_COMPLETED' }), 'ALREADY_COMPLETED'],
    ['400', json(400, { status: 'ALREADY_COMPLETED' }), 'ALREADY_COMPLETED'],
    ['404', json(404, { status: 'NOT_FOUND' }), 'NOT_FOUND'],
    ['404 without a body', text(404, ''), 'NOT_FOUND'],
  ])('is answered with %s: %s', async (_name, act, expected) => {
    adapter.server.script(cancelRoute, act);
    expect(await adapter.fal.cancel(endpoint, requestId)).toBe(expected);
  });

  it('is sent again after a transient error', async () => {
    adapter.server.script(cancelRoute, reset, json(503, {}), json(202, { status: 'CANCELLATION_REQUESTED' }));
    expect(await adapter.fal.cancel(endpoint, requestId)).toBe('REQUESTED');
    expect(adapter.slept).toEqual([500, 1000]);
  });

  it.each<[string, Act, object]>([
    ['503', json(503, {}), { code: 'FAL_UNAVAILABLE', transient: true }],
    ['401', json(401, {}), { code: 'FAL_UNAUTHORIZED', transient: false }],
    ['400 for another reason', json(400, { detail: 'no' }), { code: 'INVALID_INPUT', transient: false, message: 'no' }],
    ['499', json(499, {}), { code: 'INVALID_INPUT', transient: false }],
  ])('fails with %s', async (_name, act, expected) => {
    adapter.server.always(cancelRoute, act);
    expect(await rejection(adapter.fal.cancel(endpoint, requestId))).toMatchObject({ name: 'FalError', ...expected });
  });
});

describe('ids are checked before they get into a URL', () => {
  it.each(['../../../other/app/requests/1', '', `${requestId}?x=1`, `${requestId}\n`])('the request %j', async (id) => {
    const unknown = { code: 'RESULT_LOST', transient: false };
    expect(await rejection(adapter.fal.status(endpoint, id))).toMatchObject(unknown);
    expect(await rejection(adapter.fal.result(endpoint, id))).toMatchObject(unknown);
    expect(await rejection(adapter.fal.cancel(endpoint, id))).toMatchObject(unknown);
    expect(adapter.server.seen).toEqual([]);
  });

  it('the endpoint', async () => {
    const other = 'https://evilfal.run/x' as EndpointId;
    const unknown = { code: 'ENDPOINT_RETIRED', transient: false };
    expect(await rejection(adapter.fal.status(other, requestId))).toMatchObject(unknown);
    expect(await rejection(adapter.fal.result(other, requestId))).toMatchObject(unknown);
    expect(await rejection(adapter.fal.cancel(other, requestId))).toMatchObject(unknown);
    expect(adapter.server.seen).toEqual([]);
  });
});
