/**
 * WebSockets and event streams: what a caller can do who has a key, or had one. test/server/websocket/sockets.test.ts tests
 * the protocol (each close code, invalid messages, a frame of 8 MiB, other origins, too many operations), and
 * test/server/streams.test.ts tests 4440 for a client that does not read.
 */
import { generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';
import {
  alive,
  attack,
  failuresOf,
  guarded,
  newKey,
  openRaw,
  openReady,
  operation,
  revoke,
  startGuarded,
  startVictim,
} from './attack.ts';

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const tokenEnv = {
  JWT_ISSUER: 'https://id.example.com',
  JWT_AUDIENCE: 'likeness',
  JWT_PUBLIC_KEY: publicKey.export({ type: 'spki', format: 'pem' }) as string,
};
const follow = 'subscription { jobChanged { id } }';
const query = '{ viewer { id } }';

let likeness: TestLikeness;
beforeAll(async () => {
  likeness = await startLikeness({ manual: true, env: { ...guarded, ...tokenEnv } });
});
afterAll(() => likeness.close());

/** Subscribes, and waits until a later operation is answered: by then the server has started the subscription. */
async function subscribed({ send, receive }: Awaited<ReturnType<typeof openReady>>): Promise<void> {
  send(operation('live', follow));
  send(operation('probe', query));
  await receive(({ id, type }) => id === 'probe' && type === 'complete');
}

const tokenFor = (seconds: number) =>
  new SignJWT({ sub: 'ada' })
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer(tokenEnv.JWT_ISSUER)
    .setAudience(tokenEnv.JWT_AUDIENCE)
    .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
    .sign(privateKey);

describe('a socket without credentials', () => {
  test('that never sends connection_init is closed with 4408', async () => {
    const { url } = await startGuarded({ limits: { connectionInitTimeoutMs: 100 } });
    expect((await (await openRaw(url)).closed).code).toBe(4408);
  });

  test.each<[what: string, messages: (object | string)[], code: number]>([
    ['subscribes before it is acknowledged', [operation('1', follow)], 4401],
    ['subscribes directly after connection_init', [{ type: 'connection_init' }, operation('1', follow)], 4401],
    ['sends connection_init without a payload', [{ type: 'connection_init' }], 4403],
    [
      'sends its key in a field that does not count',
      [{ type: 'connection_init', payload: { token: 'lk_x', authorization: { toString: 'lk_x' } } }],
      4403,
    ],
    ['sends connection_init twice', [{ type: 'connection_init' }, { type: 'connection_init' }], 4429],
    [
      'sends its key in `__proto__`',
      ['{"type":"connection_init","payload":{"__proto__":{"authorization":"KEY"}}}'],
      4403,
    ],
    [
      'sends its key in `constructor`',
      ['{"type":"connection_init","payload":{"constructor":{"authorization":"KEY"}}}'],
      4403,
    ],
    [
      'completes an operation named `__proto__` that it never started',
      [{ type: 'complete', id: '__proto__' }, { type: 'connection_init' }],
      4403,
    ],
    [
      'sends connection_init with nested lists',
      [`{"type":"connection_init","payload":{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}}`],
      4403,
    ],
    ['sends a message of nested lists', ['['.repeat(200_000)], 4400],
  ])('that %s is closed', async (_what, messages, code) => {
    const { send, closed, received } = await openRaw(likeness.url);
    const key = likeness.headers['authorization'] ?? '';
    for (const message of messages) send(typeof message === 'string' ? message.replace('KEY', key) : message);
    expect((await closed).code).toBe(code);
    expect(received.filter(({ type }) => type !== 'pong')).toEqual([]);
    expect(({} as { authorization?: unknown }).authorization).toBe(undefined);
  });

  test.each<[what: string, headers: Record<string, string>, status: number]>([
    ['from a page of another site, with a key', { origin: 'https://evil.example' }, 403],
    ['from the origin "null"', { origin: 'null' }, 403],
    ['with sec-fetch-site: cross-site', { 'sec-fetch-site': 'cross-site' }, 403],
    ['to another Host', { host: 'evil.example' }, 421],
  ])('%s is rejected with %i', async (_what, headers, status) => {
    const socket = new WebSocket(`${likeness.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
      headers: { ...likeness.headers, ...headers },
    });
    socket.on('error', () => undefined);
    const refused = new Promise((resolve) => {
      socket.once('unexpected-response', (_request, response) => resolve(response.statusCode));
      socket.once('open', () => resolve('open'));
    });
    expect(await refused).toBe(status);
  });

  test('that sends an operation with nested lists is closed with 4400, and the server keeps running', async () => {
    const victim = await startVictim();
    const { send, closed } = await openRaw(victim.url);
    const lists = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    send(`{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":{"a":${lists}}}}`);
    expect((await closed).code).toBe(4400);
    expect(await alive(victim)).toBe(true);
  });
});

describe('an owner', () => {
  test('can open only socketsPerOwner sockets, and another when one closes', async () => {
    const { url, ...server } = await startGuarded({ limits: { socketsPerOwner: 2 } });
    const [user, other] = [await newKey({ url, ...server }), await newKey({ url, ...server })];
    const authorization = user.headers['authorization'] ?? '';
    const held = [await openReady(url, authorization), await openReady(url, authorization)];
    const third = await openRaw(url);
    third.send({ type: 'connection_init', payload: { authorization } });
    expect(await third.closed).toMatchObject({ code: 4441, reason: expect.stringContaining('2 sockets') as string });
    await openReady(url, other.headers['authorization'] ?? '');
    held[0]?.socket.terminate();
    await vi.waitFor(async () => await openReady(url, authorization));
  });

  test('who exceeds operationsPerMinute gets an error for that operation, and keeps the socket and its subscriptions', async () => {
    const server = await startGuarded({ limits: { operationsPerMinute: 2 } });
    const user = await newKey(server);
    const raw = await openReady(server.url, user.headers['authorization'] ?? '');
    await subscribed(raw);
    raw.send(operation('more', query));
    const refused = await raw.receive(({ id }) => id === 'more');
    expect(refused).toMatchObject({ type: 'error', payload: [{ extensions: { code: 'RATE_LIMITED' } }] });
    const [{ extensions }] = refused.payload as [{ extensions: { retryAfterSeconds: number } }];
    expect(extensions.retryAfterSeconds).toBeGreaterThanOrEqual(1);
    expect((await attack(user, { query })).status).toBe(429);
    raw.send({ type: 'ping' });
    await raw.receive(({ type }) => type === 'pong');
    raw.send(operation('live', follow));
    // The id is still taken: the subscription goes on.
    expect((await raw.closed).code).toBe(4409);
  });

  test('can run only operationsPerSocket operations on a socket', async () => {
    const server = await startGuarded({ limits: { operationsPerSocket: 2 } });
    const { headers } = await newKey(server);
    const raw = await openReady(server.url, headers['authorization'] ?? '');
    for (const id of ['1', '2', '3']) raw.send(operation(id, follow));
    const refused = await raw.receive(({ id }) => id === '3');
    expect(refused).toMatchObject({ type: 'error', payload: [{ extensions: { code: 'TOO_MANY_OPERATIONS' } }] });
    expect(raw.received).toEqual([]);
  });
});

/** test/server/websocket/sockets.test.ts and streams.test.ts test that a subscription ends with its socket or stream. */
describe('credentials that end', () => {
  type User = Awaited<ReturnType<typeof newKey>>;
  /** Credentials that work at first. `end` resolves at the moment when they stop working. */
  const ways: [what: string, open: () => Promise<{ authorization: string; end: () => Promise<unknown> }>][] = [
    [
      'a key that is revoked',
      async () => {
        const user: User = await newKey(likeness);
        return { authorization: user.headers['authorization'] ?? '', end: () => revoke(likeness, user.id) };
      },
    ],
    [
      'a key that expires',
      async () => {
        const at = Date.now() + 5_000;
        const { headers } = await newKey(likeness, ['WRITE'], new Date(at));
        return {
          authorization: headers['authorization'] ?? '',
          end: async () => await vi.waitUntil(() => Date.now() >= at),
        };
      },
    ],
    [
      'a token that expires',
      async () => {
        const at = Date.now() + 6_000;
        return {
          authorization: `Bearer ${await tokenFor(6)}`,
          end: async () => await vi.waitUntil(() => Date.now() >= at - 1_000),
        };
      },
    ],
  ];

  test.each(ways)(
    '%s: the socket closes with 4403, and the stream ends',
    async (_what, open) => {
      const { authorization, end } = await open();
      const raw = await openReady(likeness.url, authorization);
      await subscribed(raw);
      const response = await fetch(`${likeness.url}/graphql?query=${follow}`, {
        headers: { authorization, accept: 'text/event-stream' },
      });
      expect(response.status).toBe(200);
      const streamEnded = response.text().then((text) => ({ text, at: performance.now() }));
      await end();
      const endedAt = performance.now();
      const socket = await raw.closed;
      const stream = await streamEnded;
      expect(socket).toMatchObject({ code: 4403, reason: expect.stringContaining('session is over') as string });
      for (const { at } of [socket, stream]) expect(at - endedAt).toBeLessThan(20_000);
      // A stream that ends normally sends `complete`; this one was cut off, so that its client reconnects.
      expect(stream.text).not.toContain('event: complete');
      expect(raw.received.filter(({ id }) => id === 'live')).toEqual([]);
    },
    15_000,
  );

  test('the next operation with a revoked key closes its socket at once, even one opened a moment ago', async () => {
    const user = await newKey(likeness);
    const { send, closed, received } = await openReady(likeness.url, user.headers['authorization'] ?? '');
    await revoke(likeness, user.id);
    send(operation('1', query));
    expect((await closed).code).toBe(4403);
    expect(received.filter(({ type }) => type === 'next')).toEqual([]);
  });
});

test('none of these attacks was logged as an error of the server', () => {
  expect(failuresOf(likeness)).toEqual([]);
});
