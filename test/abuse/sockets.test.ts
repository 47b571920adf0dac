/**
 * Sockets and event streams. test/server/websocket/sockets.test.ts proves the protocol to the letter: each close code, every kind of
 * garbage, a frame of 8 MiB, other origins, too many operations; test/server/streams.test.ts proves 4440 for a client that
 * does not read. Here: what a caller who has a key, or had one, may still do.
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
const ofTokens = {
  JWT_ISSUER: 'https://id.example.com',
  JWT_AUDIENCE: 'likeness',
  JWT_PUBLIC_KEY: publicKey.export({ type: 'spki', format: 'pem' }) as string,
};
const follow = 'subscription { jobChanged { id } }';
const query = '{ viewer { id } }';

let likeness: TestLikeness;
beforeAll(async () => {
  likeness = await startLikeness({ manual: true, env: { ...guarded, ...ofTokens } });
});
afterAll(() => likeness.close());

/** Sockets have been told of an operation when a later one is answered. */
async function subscribed({ send, hear }: Awaited<ReturnType<typeof openReady>>): Promise<void> {
  send(operation('live', follow));
  send(operation('probe', query));
  await hear(({ id, type }) => id === 'probe' && type === 'complete');
}

const tokenFor = (seconds: number) =>
  new SignJWT({ sub: 'ada' })
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer(ofTokens.JWT_ISSUER)
    .setAudience(ofTokens.JWT_AUDIENCE)
    .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
    .sign(privateKey);

describe('a socket without credentials', () => {
  test('that says nothing is closed', async () => {
    const { url } = await startGuarded({ limits: { connectionInitTimeoutMs: 100 } });
    expect((await (await openRaw(url)).closed).code).toBe(4408);
  });

  test.each<[what: string, messages: (object | string)[], code: number]>([
    ['subscribes before it is acknowledged', [operation('1', follow)], 4401],
    ['subscribes in the same breath as it says who it is', [{ type: 'connection_init' }, operation('1', follow)], 4401],
    ['says nothing of who it is', [{ type: 'connection_init' }], 4403],
    [
      'says it in a place that counts for nothing',
      [{ type: 'connection_init', payload: { token: 'lk_x', authorization: { toString: 'lk_x' } } }],
      4403,
    ],
    ['says it twice', [{ type: 'connection_init' }, { type: 'connection_init' }], 4429],
    ['says it in `__proto__`', ['{"type":"connection_init","payload":{"__proto__":{"authorization":"KEY"}}}'], 4403],
    [
      'says it in `constructor`',
      ['{"type":"connection_init","payload":{"constructor":{"authorization":"KEY"}}}'],
      4403,
    ],
    [
      'completes what it never began, under the name of a prototype',
      [{ type: 'complete', id: '__proto__' }, { type: 'connection_init' }],
      4403,
    ],
    [
      'sends lists in lists',
      [`{"type":"connection_init","payload":{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}}`],
      4403,
    ],
    ['sends a message of lists in lists', ['['.repeat(200_000)], 4400],
  ])('that %s is closed', async (_what, messages, code) => {
    const { send, closed, heard } = await openRaw(likeness.url);
    const key = likeness.headers['authorization'] ?? '';
    for (const message of messages) send(typeof message === 'string' ? message.replace('KEY', key) : message);
    expect((await closed).code).toBe(code);
    expect(heard.filter(({ type }) => type !== 'pong')).toEqual([]);
    expect(({} as { authorization?: unknown }).authorization).toBe(undefined);
  });

  test.each<[what: string, headers: Record<string, string>, status: number]>([
    ['of another site, with a key', { origin: 'https://evil.example' }, 403],
    ['of no site', { origin: 'null' }, 403],
    ['that a browser says is another site’s', { 'sec-fetch-site': 'cross-site' }, 403],
    ['to another name', { host: 'evil.example' }, 421],
  ])('%s is not opened: %i', async (_what, headers, status) => {
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

  test('that sends an operation with lists in lists is closed, and the server lives', async () => {
    const victim = await startVictim();
    const { send, closed } = await openRaw(victim.url);
    const lists = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    send(`{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":{"a":${lists}}}}`);
    expect((await closed).code).toBe(4400);
    expect(await alive(victim)).toBe(true);
  });
});

describe('an owner', () => {
  test('has only so many sockets, and a place is free when one closes', async () => {
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

  test('who asks too much on a socket is told so by that operation, and keeps the socket and the rest', async () => {
    const server = await startGuarded({ limits: { operationsPerMinute: 2 } });
    const user = await newKey(server);
    const raw = await openReady(server.url, user.headers['authorization'] ?? '');
    await subscribed(raw);
    raw.send(operation('more', query));
    const refused = await raw.hear(({ id }) => id === 'more');
    expect(refused).toMatchObject({ type: 'error', payload: [{ extensions: { code: 'RATE_LIMITED' } }] });
    const [{ extensions }] = refused.payload as [{ extensions: { retryAfterSeconds: number } }];
    expect(extensions.retryAfterSeconds).toBeGreaterThanOrEqual(1);
    expect((await attack(user, { query })).status).toBe(429);
    raw.send({ type: 'ping' });
    await raw.hear(({ type }) => type === 'pong');
    raw.send(operation('live', follow));
    // The id is still taken: the subscription goes on.
    expect((await raw.closed).code).toBe(4409);
  });

  test('runs no more operations on a socket than allowed', async () => {
    const server = await startGuarded({ limits: { operationsPerSocket: 2 } });
    const { headers } = await newKey(server);
    const raw = await openReady(server.url, headers['authorization'] ?? '');
    for (const id of ['1', '2', '3']) raw.send(operation(id, follow));
    const refused = await raw.hear(({ id }) => id === '3');
    expect(refused).toMatchObject({ type: 'error', payload: [{ extensions: { code: 'TOO_MANY_OPERATIONS' } }] });
    expect(raw.heard).toEqual([]);
  });
});

/** That a subscription is let go with its socket and its stream, test/server/websocket/sockets.test.ts and streams.test.ts prove. */
describe('credentials that end', () => {
  type User = Awaited<ReturnType<typeof newKey>>;
  /** How each lets somebody in, and ends it; `end` resolves at the moment from which it counts. */
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
      // A whole stream says `complete`; this one was cut, for its client to come back.
      expect(stream.text).not.toContain('event: complete');
      expect(raw.heard.filter(({ id }) => id === 'live')).toEqual([]);
    },
    15_000,
  );

  test('a revoked key is out at once with its next operation, however young its socket', async () => {
    const user = await newKey(likeness);
    const { send, closed, heard } = await openReady(likeness.url, user.headers['authorization'] ?? '');
    await revoke(likeness, user.id);
    send(operation('1', query));
    expect((await closed).code).toBe(4403);
    expect(heard.filter(({ type }) => type === 'next')).toEqual([]);
  });
});

test('nothing of all this was a failure of the server’s own', () => {
  expect(failuresOf(likeness)).toEqual([]);
});
