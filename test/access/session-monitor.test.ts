/** WebSockets and event streams end when the key or token that opened them is revoked or expires; others stay open. */
import { once } from 'node:events';
import { exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { localViewer, type Session } from '../../src/access/session.ts';
import { SessionMonitor } from '../../src/access/session-monitor.ts';
import { createApiKey, revokeApiKey } from '../../src/apikey/commands.ts';
import { databases, onPostgres, type ServerDatabase, tellSkipped } from '../support/databases.ts';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';
import { openProxy } from '../support/proxy.ts';

tellSkipped();

const PUBLIC_URL = 'https://likeness.example';
const query = 'subscription { jobChanged { id } }';

/** A WebSocket and an event stream of one caller. `ended` gets the close code and the text of the stream. */
type Open = { socket: WebSocket; ended: { socket?: number; stream?: string } };

async function open(url: string, bearer: string): Promise<Open> {
  const authorization = `Bearer ${bearer}`;
  const ended: Open['ended'] = {};
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  onTestFinished(() => socket.terminate());
  socket.once('close', (code) => (ended.socket = code));
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } }));
  await once(socket, 'message');
  socket.send(JSON.stringify({ type: 'subscribe', id: '1', payload: { query } }));
  const leaving = new AbortController();
  onTestFinished(() => leaving.abort());
  const stream = await fetch(`${url}/graphql?query=${encodeURIComponent(query)}`, {
    headers: { authorization, accept: 'text/event-stream' },
    signal: leaving.signal,
  });
  expect(stream.status).toBe(200);
  void stream.text().then(
    (text) => (ended.stream = text),
    () => undefined,
  );
  return { socket, ended };
}
const expectEnded = async ({ ended }: Open) => {
  await expect.poll(() => Object.keys(ended).length, { interval: 20 }).toBe(2);
  expect(ended.socket).toBe(4403);
  // The stream was cut off. After `complete` its client would not reconnect.
  expect(ended.stream).not.toContain('complete');
};
/** The socket and the stream are open, and the socket still answers. */
async function expectOpen({ socket, ended }: Open): Promise<void> {
  expect(ended).toEqual({});
  const received: string[] = [];
  const receive = (data: Buffer) => received.push(data.toString());
  socket.on('message', receive);
  socket.send(JSON.stringify({ type: 'subscribe', id: 'still', payload: { query: '{ __typename }' } }));
  await expect.poll(() => received).toHaveLength(2);
  socket.off('message', receive);
  expect(received[0]).toContain('{"data":{"__typename":"Query"}}');
}
const newKey = async ({ app }: TestLikeness, expiresAt?: Date) =>
  await createApiKey(app, localViewer.id, { name: 'bot', scopes: ['READ'], expiresAt });

describe('on one server', () => {
  let likeness: TestLikeness;
  let privateKey: CryptoKey;
  beforeAll(async () => {
    const pair = await generateKeyPair('EdDSA', { extractable: true });
    ({ privateKey } = pair);
    const jwt = { JWT_PUBLIC_KEY: await exportSPKI(pair.publicKey), JWT_ISSUER: 'i', JWT_AUDIENCE: 'a' };
    likeness = await startLikeness({ env: { PUBLIC_URL, ...jwt } });
  });
  afterAll(() => likeness.close());
  const token = (exp: number) =>
    new SignJWT({ iss: 'i', aud: 'a', sub: 'ada', exp }).setProtectedHeader({ alg: 'EdDSA' }).sign(privateKey);

  test('revoking a key closes its sockets and streams, and no others', async () => {
    const [revoked, other] = [await newKey(likeness), await newKey(likeness)];
    const [mine, also, theirs, tokens] = await Promise.all([
      open(likeness.url, revoked.key),
      open(likeness.url, revoked.key),
      open(likeness.url, other.key),
      open(likeness.url, await token(Math.floor(Date.now() / 1000) + 3_600)),
    ]);
    await expectOpen(mine);
    await revokeApiKey(likeness.app, revoked.apiKey.id);
    await Promise.all([expectEnded(mine), expectEnded(also)]);
    expect([theirs.ended, tokens.ended]).toEqual([{}, {}]);
    await expectOpen(theirs);
    await expectOpen(tokens);
  });

  test('the server does not run an operation on the socket of a revoked key, even right after the revocation', async () => {
    const { key, apiKey } = await newKey(likeness);
    const mine = await open(likeness.url, key);
    const received: string[] = [];
    mine.socket.on('message', (data: Buffer) => received.push(data.toString()));
    await revokeApiKey(likeness.app, apiKey.id);
    mine.socket.send(JSON.stringify({ type: 'subscribe', id: 'late', payload: { query: '{ viewer { id } }' } }));
    await expectEnded(mine);
    expect(received.filter((message) => message.includes('"data"'))).toEqual([]);
  });

  test('an expired key or token closes its sockets and streams', async () => {
    const key = await newKey(likeness, new Date(Date.now() + 1_500));
    const exp = Math.ceil(Date.now() / 1000) + 1;
    const stays = await open(likeness.url, (await newKey(likeness)).key);
    const [ofKey, ofToken] = [await open(likeness.url, key.key), await open(likeness.url, await token(exp))];
    expect([ofKey.ended, ofToken.ended]).toEqual([{}, {}]);
    await Promise.all([expectEnded(ofKey), expectEnded(ofToken)]);
    expect(Date.now()).toBeGreaterThanOrEqual(Math.min(key.apiKey.expiresAt?.getTime() ?? 0, 1000 * exp));
    await expectOpen(stays);
  });

  test('revoking a key ends its job subscriptions', async () => {
    await expect.poll(() => likeness.app.events.openTails).toBe(0);
    const { key, apiKey } = await newKey(likeness);
    const mine = await open(likeness.url, key);
    await expect.poll(() => likeness.app.events.openTails).toBe(1);
    await revokeApiKey(likeness.app, apiKey.id);
    await expectEnded(mine);
    await expect.poll(() => likeness.app.events.openTails).toBe(0);
  });
});

describe.runIf(databases.length > 1)('servers that share PostgreSQL', () => {
  let database: ServerDatabase;
  const servers: TestLikeness[] = [];
  beforeAll(async () => {
    database = await onPostgres();
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
  });
  afterAll(() => database.remove());
  const start = async (env: Record<string, string> = {}) => {
    const { DATA_DIR: dataDir = '', ...rest } = database.env;
    const server = await startLikeness({
      dataDir,
      env: { PUBLIC_URL, FAL_MODE: 'live', FAL_KEY: 'a:b', FAL_BASE_URL: 'http://127.0.0.1:1', ...rest, ...env },
    });
    servers.push(server);
    return server;
  };

  test('a key that one server revokes loses its sockets and streams on all servers', async () => {
    const [one, two] = [await start(), await start()];
    const { key, apiKey } = await newKey(one);
    const [here, there] = [await open(one.url, key), await open(two.url, key)];
    const stays = await open(two.url, (await newKey(one)).key);
    await revokeApiKey(one.app, apiKey.id);
    await Promise.all([expectEnded(here), expectEnded(there)]);
    expect(stays.ended).toEqual({});
    await expectOpen(stays);
  });

  test('sessions stay open while the database is down; the revoked ones end when it is back', async () => {
    const proxy = await openProxy(String(database.env['DATABASE_URL']));
    const [near, far] = [await start(), await start({ DATABASE_URL: proxy.url })];
    const [revoked, other] = [await newKey(near), await newKey(near)];
    const [mine, theirs] = [await open(far.url, revoked.key), await open(far.url, other.key)];
    await proxy.cut();
    await revokeApiKey(near.app, revoked.apiKey.id);
    const warnings = () => far.logged.filter((line) => line.includes('which API keys are revoked')).length;
    await expect.poll(warnings).toBeGreaterThanOrEqual(2);
    expect([mine.ended, theirs.ended]).toEqual([{}, {}]);
    await proxy.mend();
    await expect.poll(() => mine.ended.socket).toBe(4403);
    await expectOpen(theirs);
    servers.splice(servers.indexOf(far), 1);
    await far.close();
    await proxy.close();
  });
});

describe('the session monitor', () => {
  /** A monitor over a fake database that answers with `ask`, and a clock that the test moves. */
  function openMonitor(ask: () => Promise<{ id: string }[]> = async () => []) {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const findMany = vi.fn<(query: { where: { id: { in: string[] } } }) => Promise<{ id: string }[]>>(() => ask());
    const prisma = { apiKey: { findMany } } as unknown as TestLikeness['app']['prisma'];
    const monitor = new SessionMonitor({ prisma, now: () => new Date(), log: pino({ enabled: false }) });
    const session = (of: Partial<Session>): Session => ({
      viewer: localViewer,
      scopes: new Set(),
      apiKeyId: undefined,
      expiresAt: undefined,
      ...of,
    });
    return { monitor, findMany, session, inSeconds: (n: number) => new Date(Date.now() + 1_000 * n) };
  }

  test('sends one query a second for all keys in use, and none without sessions or after close', async () => {
    const { monitor, findMany, session, inSeconds } = openMonitor();
    const end = vi.fn<() => void>();
    const stops = ['a', 'a', 'b'].map((apiKeyId) =>
      monitor.onEnd(session({ apiKeyId, expiresAt: inSeconds(3_600) }), end),
    );
    await vi.advanceTimersByTimeAsync(3_000);
    expect(findMany.mock.calls.map(([{ where }]) => where.id.in)).toEqual([
      ['a', 'b'],
      ['a', 'b'],
      ['a', 'b'],
    ]);
    for (const stop of stops) stop();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(vi.getTimerCount()).toBe(0);
    monitor.onEnd(session({ apiKeyId: 'a' }), end);
    monitor.close();
    expect(vi.getTimerCount()).toBe(0);
    expect(end).not.toHaveBeenCalled();
  });

  test('reports an ended session once, also when its key is revoked and expires at the same time', async () => {
    const { monitor, session, inSeconds } = openMonitor(async () => [{ id: 'a' }]);
    const end = vi.fn<() => void>();
    monitor.onEnd(session({ apiKeyId: 'a', expiresAt: inSeconds(1) }), end);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(end).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('ends a session on time, also when it expires later than a timer can wait', async () => {
    const { monitor, session, inSeconds } = openMonitor();
    const end = vi.fn<() => void>();
    const days = 24 * 60 * 60;
    monitor.onEnd(session({ expiresAt: inSeconds(60 * days) }), end);
    await vi.advanceTimersByTimeAsync(1_000 * (60 * days - 1));
    expect(end).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(end).toHaveBeenCalledTimes(1);
  });

  test('queries the database again when a query gets no answer', async () => {
    const { monitor, findMany, session } = openMonitor();
    findMany.mockImplementationOnce(() => new Promise(() => undefined)).mockResolvedValue([{ id: 'a' }]);
    const end = vi.fn<() => void>();
    monitor.onEnd(session({ apiKeyId: 'a' }), end);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(end).toHaveBeenCalledTimes(1);
  });
});
