/** Receiving fal's webhooks: the answer to every variant of a genuine webhook and to every kind of forgery. */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { fetchJwks } from '../../../src/fal/webhook/jwks.ts';
import { WebhookKeys } from '../../../src/fal/webhook/keys.ts';
import { type ReceiveParts, receiveWebhook, webhookPath } from '../../../src/fal/webhook/receive.ts';
import { simulate } from '../../support/simulator.ts';
import { newSigningKey, type Signing, signedHeaders } from '../../support/webhook.ts';

const key = newSigningKey();
const otherKey = newSigningKey();
const token = '0d9c8b7a-1111-4222-8333-444455556666';
const requestId = '6e0f4b0a-2f7c-4d6e-9b1a-0c1d2e3f4a5b';
const gatewayRequestId = '7f1a5c1b-3a8d-4e7f-8c2b-1d2e3f4a5b6c';
const userId = 'github|1234567';
const now = new Date('2026-01-01T00:00:00.900Z');
const seconds = Math.floor(now.getTime() / 1000);
const content = { error: null, gateway_request_id: gatewayRequestId, payload: {}, request_id: requestId, status: 'OK' };
const bodyText = JSON.stringify(content).replaceAll(':', ': ');

type Notice = Parameters<ReceiveParts['onWebhook']>[0];

function receiver(options: Partial<ReceiveParts> = {}) {
  const notices: Notice[] = [];
  const lines: string[] = [];
  const parts: ReceiveParts = {
    keys: new WebhookKeys({ load: async () => [otherKey.publicKey, key.publicKey] }),
    onWebhook: async (notice) => {
      notices.push(notice);
      return 'TAKEN';
    },
    now: () => now,
    log: pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) }),
    ...options,
  };
  /** Sends a valid webhook with these changes. */
  const call = async ({
    method = 'POST',
    path = webhookPath(token),
    body = bodyText,
    headers = {},
    without,
    ...signing
  }: Partial<Signing> & {
    method?: string;
    path?: string;
    body?: string | Buffer;
    headers?: IncomingHttpHeaders;
    without?: string;
  } = {}) => {
    const signed = signedHeaders(body, { requestId, userId, timestamp: String(seconds), key, ...signing });
    const all: IncomingHttpHeaders = { ...signed, ...headers };
    if (without !== undefined) delete all[without];
    return await receiveWebhook(parts, { method, path, headers: all, readBody: async () => Buffer.from(body) });
  };
  return { call, notices, lines };
}

const genuine = signedHeaders(bodyText, { requestId, userId, timestamp: String(seconds), key });
const signature = genuine['x-fal-webhook-signature'];
const header = (name: string, value: string | string[] | undefined) => ({
  headers: { [`x-fal-webhook-${name}`]: value },
});

describe('a genuine webhook', () => {
  test('is passed on with only its ids', async () => {
    const { call, notices } = receiver();
    expect(await call()).toMatchObject({ status: 200 });
    expect(notices).toEqual([{ token, requestId, gatewayRequestId, falUserId: userId, status: 'OK' }]);
  });

  const failed = { request_id: requestId, gateway_request_id: requestId, status: 'ERROR' };
  const unreadable = 'Response payload is not JSON serializable.';
  const ids = { requestId, gatewayRequestId: requestId };
  test.each<[string, string, Partial<Notice>]>([
    [
      'an error',
      JSON.stringify({ ...failed, error: 'Invalid status code: 422', payload: { detail: [] } }),
      { ...ids, status: 'ERROR' },
    ],
    [
      'an error without a payload',
      JSON.stringify({ ...failed, payload: null, payload_error: unreadable }),
      { ...ids, status: 'ERROR' },
    ],
    [
      'success without a payload',
      JSON.stringify({ ...failed, status: 'OK', payload: null, payload_error: unreadable }),
      { ...ids, status: 'OK' },
    ],
    [
      'no gateway id',
      JSON.stringify({ request_id: requestId, status: 'OK' }),
      { requestId, gatewayRequestId: undefined },
    ],
    [
      'nulls',
      JSON.stringify({ request_id: null, gateway_request_id: null, status: null }),
      { requestId, status: undefined },
    ],
    ['an unknown status', JSON.stringify({ request_id: requestId, status: 'DONE' }), { requestId, status: undefined }],
    ['unknown fields', JSON.stringify({ ...content, more: { deep: [1] } }), { requestId, status: 'OK' }],
    ['an invalid id', JSON.stringify({ request_id: '../../x', status: 'OK' }), { requestId, status: 'OK' }],
    ['a body that is no object', '[1, 2]', { requestId, status: undefined }],
    ['a body that is not JSON', '<html>', { requestId, status: undefined }],
    ['an empty body', '', { requestId, status: undefined }],
  ])('with %s is understood', async (_name, body, notice) => {
    const { call, notices } = receiver();
    expect(await call({ body })).toMatchObject({ status: 200 });
    expect(notices).toMatchObject([{ token, falUserId: userId, ...notice }]);
  });

  test('with the gateway’s id in its headers applies to the request id in its body', async () => {
    const { call, notices } = receiver();
    expect(await call({ requestId: gatewayRequestId })).toMatchObject({ status: 200 });
    expect(notices).toMatchObject([{ requestId, gatewayRequestId }]);
  });

  test.each([
    ['exactly 300 s old', { timestamp: String(seconds - 300) }],
    ['exactly 300 s ahead', { timestamp: String(seconds + 300) }],
    ['signed in upper-case hex, which is the same signature', header('signature', signature.toUpperCase())],
    ['with a body that is not text', { body: Buffer.from([0, 255, 128, 10, 13]) }],
    ['at its URL in upper case', { path: webhookPath(token.toUpperCase()) }],
    ['of a user with a non-ASCII id, in the bytes that HTTP transports', latin1User('github|Zoë')],
  ])('%s is accepted', async (_name, call) => {
    const { call: send, notices } = receiver();
    expect(await send(call)).toMatchObject({ status: 200 });
    expect(notices).toHaveLength(1);
  });

  test('is accepted with any key of the set', async () => {
    const { call } = receiver();
    expect(await call({ key: otherKey })).toMatchObject({ status: 200 });
  });

  test.each(['TAKEN', 'UNKNOWN'] as const)('for a job that is %s is answered 200', async (outcome) => {
    expect(await receiver({ onWebhook: async () => outcome }).call()).toMatchObject({ status: 200 });
  });

  test('for another job’s request is answered 401', async () => {
    expect(await receiver({ onWebhook: async () => 'FOREIGN' }).call()).toMatchObject({ status: 401 });
  });

  test('that cannot be processed throws, so that fal sends it again', async () => {
    const onWebhook = () => Promise.reject(new Error('the database is away'));
    await expect(receiver({ onWebhook }).call()).rejects.toThrow('the database is away');
  });

  test('that fails during verification throws too, because that is not a missing key', async () => {
    const { publicKey } = generateKeyPairSync('x25519');
    const keys = new WebhookKeys({ load: async () => [publicKey] });
    await expect(receiver({ keys }).call()).rejects.toThrow('operation not supported');
  });

  test('that arrives again is passed on again with the same effect', async () => {
    const { call, notices } = receiver();
    expect(await call()).toEqual(await call());
    expect(notices).toEqual([notices[0], notices[0]]);
  });
});

describe('anything else is rejected', () => {
  test.each<[string, Parameters<ReturnType<typeof receiver>['call']>[0]]>([
    [
      'another body under the signature',
      { headers: signedHeaders(`${bodyText} `, { requestId, userId, timestamp: String(seconds), key }) },
    ],
    ['the same JSON with different spaces', { body: JSON.stringify(content), headers: genuine }],
    ['another request id', header('request-id', gatewayRequestId)],
    ['another user', header('user-id', 'github|7654321')],
    ['another time', header('timestamp', String(seconds - 1))],
    ['a time 301 s ago', { timestamp: String(seconds - 301) }],
    ['a time 301 s ahead', { timestamp: String(seconds + 301) }],
    ['a replay after an hour', { timestamp: String(seconds - 3600) }],
    ['a time in milliseconds', { timestamp: String(now.getTime()) }],
    ['a time with a fraction', { timestamp: `${seconds}.5` }],
    ['a time that is no number', { timestamp: 'now' }],
    ['a negative time', { timestamp: `-${seconds}` }],
    ['no time', { timestamp: '' }],
    ['no request id', { without: 'x-fal-webhook-request-id' }],
    ['no user', { without: 'x-fal-webhook-user-id' }],
    ['no timestamp', { without: 'x-fal-webhook-timestamp' }],
    ['no signature', { without: 'x-fal-webhook-signature' }],
    ['an empty request id', { requestId: '' }],
    ['an empty user', { userId: '' }],
    ['a signature given twice', header('signature', `${signature}, ${signature}`)],
    ['a list of signatures', header('signature', [signature, signature])],
    ['an unknown key', { key: newSigningKey() }],
    ['a truncated signature', header('signature', signature.slice(0, -2))],
    ['a signature truncated within a byte', header('signature', signature.slice(0, -1))],
    ['a signature with extra digits', header('signature', `${signature}00`)],
    ['a signature that is not hex', header('signature', 'z'.repeat(128))],
    ['a signature that ends in non-hex characters', header('signature', `${signature.slice(0, 126)}zz`)],
    ['a signature in base64', header('signature', Buffer.from(signature, 'hex').toString('base64'))],
    [
      'a signature with one bit changed',
      header('signature', `${signature.slice(0, -1)}${signature.endsWith('0') ? '1' : '0'}`),
    ],
    ['a signature of zeros', header('signature', '0'.repeat(128))],
    ['an empty signature', header('signature', '')],
    ['a digest in upper-case hex', { digest: createHash('sha256').update(bodyText).digest('hex').toUpperCase() }],
    ['a digest in base64', { digest: createHash('sha256').update(bodyText).digest('base64') }],
    ['the body instead of its digest', { digest: bodyText }],
    [
      'fields moved into another line of the signed text',
      {
        requestId: `${requestId}\n${userId}`,
        userId: '',
        headers: { ...header('request-id', requestId).headers, ...header('user-id', userId).headers },
      },
    ],
    ['no valid request id', { requestId: 'x', body: '{"request_id": "y"}' }],
    ['no token', { path: '/webhooks/fal/' }],
    ['a part of a token', { path: webhookPath(token.slice(0, 8)) }],
    ['a path after the token', { path: `${webhookPath(token)}/x` }],
    ['a token with ..', { path: `/webhooks/fal/../${token}` }],
  ])('%s: 401', async (_name, forgery) => {
    const { call, notices, lines } = receiver();
    expect(await call(forgery)).toMatchObject({ status: 401 });
    expect(notices).toEqual([]);
    expect(lines).toHaveLength(1);
  });

  test('an HMAC, which some unofficial notes describe: 401', async () => {
    const { call, notices } = receiver();
    const hmac = createHash('sha512').update(bodyText).digest('hex');
    expect(await call(header('signature', hmac))).toMatchObject({ status: 401 });
    expect(notices).toEqual([]);
  });

  test.each(['GET', 'PUT', 'HEAD', 'OPTIONS'])('%s: 405, before the request is read', async (method) => {
    const { call, notices } = receiver();
    expect(await call({ method, path: '/webhooks/fal/x' })).toMatchObject({ status: 405, headers: { allow: 'POST' } });
    expect(notices).toEqual([]);
  });

  test('a body at another URL is not read, and a body that is too large is rejected', async () => {
    const readBody = () => Promise.reject(new Error('too large'));
    let fetches = 0;
    const parts: ReceiveParts = {
      keys: new WebhookKeys({ load: async () => ((fetches += 1), [key.publicKey]) }),
      onWebhook: () => Promise.reject(new Error('onWebhook was called')),
      now: () => now,
      log: pino({ enabled: false }),
    };
    const request = { method: 'POST', headers: genuine, readBody };
    expect(await receiveWebhook(parts, { ...request, path: '/webhooks/fal/x' })).toMatchObject({ status: 401 });
    await expect(receiveWebhook(parts, { ...request, path: webhookPath(token) })).rejects.toThrow('too large');
    expect(fetches).toBe(0);
  });

  test('a webhook that cannot be verified now: 503, so that fal sends it again', async () => {
    const keys = new WebhookKeys({ load: () => Promise.reject(new Error('no route')) });
    const { call, notices } = receiver({ keys });
    expect(await call()).toMatchObject({ status: 503, headers: { 'retry-after': '60' } });
    expect(notices).toEqual([]);
  });

  test('an obvious forgery is rejected without fetching keys', async () => {
    let fetches = 0;
    const keys = new WebhookKeys({ load: async () => ((fetches += 1), [key.publicKey]) });
    const { call } = receiver({ keys });
    await call({ without: 'x-fal-webhook-signature' });
    await call({ timestamp: String(seconds - 301) });
    expect(fetches).toBe(0);
  });
});

test('no log line contains a payload or a token', async () => {
  const { call, lines } = receiver();
  const body = JSON.stringify({ ...content, payload: { prompt: 'a secret garden' } });
  await call({ body });
  await call({ body, headers: genuine });
  expect(lines).toHaveLength(2);
  expect(lines.join('')).toContain(requestId);
  expect(lines.join('')).not.toContain('secret garden');
  expect(lines.join('')).not.toContain(token);
});

test('webhooks of the simulated fal are valid under its keys', async () => {
  const { fal, simulator } = await simulate();
  const keys = new WebhookKeys({ load: () => fetchJwks(`${simulator.url}/.well-known/jwks.json`) });
  const notices: Notice[] = [];
  const onWebhook: ReceiveParts['onWebhook'] = async (notice) => {
    notices.push(notice);
    return 'TAKEN';
  };
  const parts = { keys, onWebhook, now: () => new Date(), log: pino({ enabled: false }) };
  const statuses: number[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const { method, url: path = '', headers } = request;
    const { status } = await receiveWebhook(parts, { method, path, headers, readBody: () => buffer(request) });
    statuses.push(status);
    response.writeHead(status).end();
  };
  const server = createServer((request, response) => void serve(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const webhookUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}${webhookPath(token)}`;
  const { request_id } = await fal.queue.submit('fal-ai/flux-lora', { input: { prompt: 'x' }, webhookUrl });
  await expect.poll(() => statuses).toEqual([200]);
  expect(notices).toMatchObject([{ token, requestId: request_id, status: 'OK' }]);
});

/** A user id that is signed as UTF-8, while the header holds the string that Node parses from its bytes. */
function latin1User(name: string) {
  return { userId: name, ...header('user-id', Buffer.from(name, 'utf8').toString('latin1')) };
}
