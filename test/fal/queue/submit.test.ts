import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFal } from '../../../src/fal/client.ts';
import type { EndpointId } from '../../../src/fal/endpoints.ts';
import { FalError, SubmitUnconfirmed } from '../../../src/fal/errors.ts';
import { type Adapter, endpoint, key, openAdapter, rejection, requestId, submitRoute } from '../../support/adapter.ts';
import {
  type Act,
  hang,
  hangMidBody,
  json,
  openScriptedFal,
  reset,
  resetMidBody,
  text,
} from '../../support/scripted-fal.ts';

const input = { prompt: 'a lighthouse', finetune_id: 'f-1', finetune_strength: 1.1 };
const urls = (base: string) => ({ status_url: `${base}/status`, response_url: base, cancel_url: `${base}/cancel` });

let adapter: Adapter;
beforeEach(async () => {
  adapter = await openAdapter({ timeouts: { submitMs: 400 } });
});
afterEach(async () => adapter.close());

describe('a submit that fal accepts', () => {
  it('carries the input, the key, the webhook and the host it is meant for', async () => {
    const base = `https://queue.fal.run/fal-ai/flux-pro/requests/${requestId}`;
    adapter.server.script(
      submitRoute,
      json(200, { status: 'IN_QUEUE', request_id: requestId, queue_position: 7, ...urls(base) }),
    );
    const webhookUrl = 'https://likeness.example/webhooks/fal/a?b=c&d=e';
    expect(await adapter.fal.submit(endpoint, input, { webhookUrl })).toEqual({
      requestId,
      urls: { statusUrl: `${base}/status`, responseUrl: base, cancelUrl: `${base}/cancel` },
      queuePosition: 7,
    });
    const [seen] = adapter.server.seen;
    expect(JSON.parse(String(seen?.body))).toEqual(input);
    expect(seen?.headers).toMatchObject({ authorization: `Key ${key}`, 'x-fal-sim-host': 'queue.fal.run' });
    expect(new URLSearchParams(seen?.query).get('fal_webhook')).toBe(webhookUrl);
  });

  it.each([
    ['no more than an id', json(200, { request_id: requestId })],
    [
      'IN_PROGRESS at once, with 202',
      json(202, { status: 'IN_PROGRESS', request_id: requestId, queue_position: null }),
    ],
    ['fields of the wrong type', json(201, { request_id: requestId, status_url: 5, queue_position: 'soon' })],
    ['no JSON content type', text(200, JSON.stringify({ request_id: requestId }))],
  ])('may be answered with %s', async (_name, act) => {
    adapter.server.script(submitRoute, act);
    const base = `https://queue.fal.run/fal-ai/flux-pro/requests/${requestId}`;
    expect(await adapter.fal.submit(endpoint, input)).toEqual({
      requestId,
      urls: { statusUrl: `${base}/status`, responseUrl: base, cancelUrl: `${base}/cancel` },
      queuePosition: undefined,
    });
  });

  it('uses a new connection each time, because an idle one could close while a submit is being sent', async () => {
    adapter.server.always(submitRoute, json(200, { request_id: requestId }));
    await adapter.fal.submit(endpoint, input);
    await adapter.fal.submit(endpoint, input);
    expect(adapter.server.seen.map(({ headers }) => headers.connection)).toEqual(['close', 'close']);
  });
});

describe('a submit with an unknown outcome is sent once', () => {
  it.each<[string, Act]>([
    ['reset before the answer', reset],
    ['reset in the answer', resetMidBody],
    ['no answer', hang],
    ['half an answer', hangMidBody],
    ['500', json(500, { detail: 'Internal error' })],
    ['502 from a proxy', text(502, '<html>Bad Gateway</html>')],
    ['503', json(503, { detail: 'no runner', error_type: 'runner_scheduling_failure' }, { 'retry-after': '1' })],
    ['504', json(504, { detail: 'Request timed out', error_type: 'request_timeout' })],
    ['504 of our own start timeout', json(504, {}, { 'x-fal-request-timeout-type': 'user' })],
    ['408', json(408, {})],
    ['499', json(499, {})],
    ['a redirect', text(307, '', { location: '/fal-ai/elsewhere' })],
    ['200 with broken JSON', text(200, '{"request_id":"', { 'content-type': 'application/json' })],
    ['200 with HTML', text(200, '<html>Welcome</html>')],
    ['200 with nothing', text(200, '')],
    ['200 without an id', json(200, { status: 'IN_QUEUE' })],
    ['200 with an id that is none', json(200, { request_id: '../../../other/app/requests/1' })],
    ['200 with a number for an id', json(200, { request_id: 17 })],
    ['200 with null', json(200, null)],
  ])('%s', async (_name, act) => {
    adapter.server.always(submitRoute, act);
    const error = await rejection(adapter.fal.submit(endpoint, input));
    expect(error).toBeInstanceOf(SubmitUnconfirmed);
    expect(adapter.server.seen).toHaveLength(1);
    expect(adapter.slept).toEqual([]);
    expect(String(error)).not.toContain('secret');
  });

  it('also when the adapter closes meanwhile', async () => {
    adapter.server.script(submitRoute, hang);
    const submitting = rejection(adapter.fal.submit(endpoint, input));
    await adapter.server.nth(submitRoute, 1);
    await adapter.fal.close();
    expect(await submitting).toBeInstanceOf(SubmitUnconfirmed);
  });
});

describe('a submit that fal rejects is sent once, and its error says whether the caller may send it again', () => {
  const complaint = (loc: unknown[], type = 'value_error') => ({ detail: [{ loc, msg: 'is wrong', type }] });

  it.each<[string, Act, Partial<FalError>]>([
    [
      '429',
      json(429, { detail: 'slow' }, { 'retry-after': '7' }),
      { code: 'RATE_LIMITED', transient: true, retryAfterMs: 7000 },
    ],
    [
      '401',
      json(401, { detail: 'invalid key credentials' }),
      { code: 'FAL_UNAUTHORIZED', message: 'invalid key credentials' },
    ],
    ['403', json(403, { detail: 'Cannot access application "x"' }), { code: 'FAL_UNAUTHORIZED' }],
    [
      '403 of an empty account',
      json(403, {
        detail: 'User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing.',
      }),
      { code: 'FAL_BALANCE_EXHAUSTED' },
    ],
    ['404', json(404, { detail: 'Application "flux-pro" not found' }), { code: 'ENDPOINT_RETIRED' }],
    ['410', text(410, 'gone'), { code: 'ENDPOINT_RETIRED', message: 'fal answered with HTTP status 410.' }],
    [
      '422',
      json(422, complaint(['body', 'image_size', 'width'])),
      { code: 'INVALID_INPUT', field: 'image_size.width' },
    ],
    ['422 of a finetune', json(422, complaint(['body', 'finetune_id'])), { code: 'INVALID_FINETUNE_ID' }],
    ['400', json(400, { detail: 'Bad input' }), { code: 'INVALID_INPUT', message: 'Bad input' }],
  ])('%s', async (_name, act, expected) => {
    adapter.server.always(submitRoute, act);
    const error = await rejection(adapter.fal.submit(endpoint, input));
    expect(error).toBeInstanceOf(FalError);
    expect(error).toMatchObject({ transient: false, ...expected });
    expect(adapter.server.seen).toHaveLength(1);
    expect(adapter.slept).toEqual([]);
  });

  it('waits until the date that Retry-After names', async () => {
    const at = Date.UTC(2026, 0, 1, 12, 0, 0);
    const { fal, server, close } = await openAdapter({ now: () => at });
    server.script(submitRoute, json(429, {}, { 'retry-after': new Date(at + 90_000).toUTCString() }));
    expect(await rejection(fal.submit(endpoint, input))).toMatchObject({ retryAfterMs: 90_000 });
    await close();
  });
});

describe('a submit that cannot have been sent', () => {
  it.each([
    ['nothing listens', async () => openScriptedFal().then(async ({ url, close }) => close().then(() => url))],
    ['the name does not resolve', async () => 'http://fal.invalid'],
  ])('fails as such: %s', async (_name, baseUrlOf) => {
    const fal = createFal({ key, baseUrl: await baseUrlOf() });
    const error = await rejection(fal.submit(endpoint, input));
    expect(error).toBeInstanceOf(FalError);
    expect(error).toMatchObject({ code: 'FAL_UNAVAILABLE', transient: true });
    await fal.close();
  });

  it('fails as such: the TLS handshake fails', async () => {
    const fal = createFal({ key, baseUrl: adapter.server.url.replace('http:', 'https:') });
    expect(await rejection(fal.submit(endpoint, input))).toMatchObject({ code: 'FAL_UNAVAILABLE', transient: true });
    expect(adapter.server.seen).toEqual([]);
    await fal.close();
  });

  it('fails as such: the client is closed', async () => {
    await adapter.fal.close();
    expect(await rejection(adapter.fal.submit(endpoint, input))).toMatchObject({ code: 'FAL_UNAVAILABLE' });
    expect(adapter.server.seen).toEqual([]);
  });

  it.each([
    'https://evilfal.run/x',
    'fal-ai/flux-lora/../x',
    '',
    'constructor',
  ])('is rejected before the endpoint %j gets into a URL', async (unknown) => {
    const error = await rejection(adapter.fal.submit(unknown as EndpointId, input));
    expect(error).toMatchObject({ name: 'FalError', code: 'ENDPOINT_RETIRED', transient: false });
    expect(adapter.server.seen).toEqual([]);
  });
});
