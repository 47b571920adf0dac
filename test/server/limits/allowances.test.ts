/** What one owner and one address may take of a whole server: by the minute, at once, and over several processes. */
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { defaultLimits } from '../../../src/runtime/limits.ts';
import { addressOf } from '../../../src/server/limits/allowances.ts';
import { databases, onPostgres, type ServerDatabase, tellSkipped } from '../../support/databases.ts';
import { startLikeness, type TestLikeness } from '../../support/likeness.ts';
import { converse } from '../../support/raw.ts';

tellSkipped();

const PUBLIC_URL = 'https://likeness.example';

describe('where a connection comes from', () => {
  const from = (remoteAddress: string | undefined, forwarded: string | undefined, proxies: number) =>
    addressOf(
      {
        headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
        socket: { remoteAddress },
      } as unknown as IncomingMessage,
      proxies,
    );
  test.each<[string, string | undefined, string | undefined, number, string]>([
    ['no proxy: what is forwarded is anybody’s word', '192.0.2.1', '198.51.100.7', 0, '192.0.2.1'],
    ['one proxy: what it wrote, the last', '192.0.2.1', 'forged, 198.51.100.7', 1, '198.51.100.7'],
    ['two proxies: what the outer one wrote', '192.0.2.1', 'forged, 198.51.100.7,192.0.2.2', 2, '198.51.100.7'],
    ['one proxy, and nothing forwarded', '192.0.2.1', undefined, 1, '192.0.2.1'],
    ['two proxies, and one hop', '192.0.2.1', '198.51.100.7', 2, '198.51.100.7'],
    ['empty hops', '192.0.2.1', ' , 198.51.100.7 ,, ', 1, '198.51.100.7'],
    ['IPv6: its /64', '2001:db8:1:2:3:4:5:6', undefined, 0, '2001:db8:1:2::/64'],
    ['IPv6: its /64, written short', '2001:db8::7', undefined, 0, '2001:db8:0:0::/64'],
    ['IPv6: its /64, of a proxy', '::1', '2001:db8:1:2::9', 1, '2001:db8:1:2::/64'],
    ['IPv6: loopback', '::1', undefined, 0, '0:0:0:0::/64'],
    ['a connection that is gone', undefined, undefined, 0, 'unknown'],
  ])('%s', (_what, remote, forwarded, proxies, address) => {
    expect(from(remote, forwarded, proxies)).toBe(address);
  });

  test('IPv4 addresses in IPv6 are not one network', () => {
    const [one, two] = ['::ffff:192.0.2.1', '::ffff:192.0.2.2'].map((remote) => from(remote, undefined, 0));
    expect(one).toContain('192.0.2.1');
    expect(two).not.toBe(one);
  });

  test.each([
    ['in capitals', '2001:DB8::1', '2001:db8::1'],
    ['with zeros', '2001:0db8:0000::1', '2001:db8::1'],
    ['an IPv4 address in IPv6', '::ffff:192.0.2.1', '192.0.2.1'],
    ['with the port, as some proxies write it', '192.0.2.1:50000', '192.0.2.1:50001'],
  ])('one address however it is written: %s', (_how, written, otherwise) => {
    expect(from('127.0.0.1', written, 1)).toBe(from('127.0.0.1', otherwise, 1));
  });
  test('two addresses are two, in capitals too', () => {
    expect(from('127.0.0.1', '::FFFF:192.0.2.1', 1)).not.toBe(from('127.0.0.1', '::FFFF:192.0.2.2', 1));
  });
});

const ask = async (url: string, headers: Record<string, string>) => {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: '{"query":"{ __typename }"}',
  });
  const code = /"code":"(\w+)"/.exec(await response.text())?.[1];
  return { status: response.status, code, retryAfter: Number(response.headers.get('retry-after')) };
};
const tooMany = { status: 429, code: 'RATE_LIMITED', retryAfter: expect.toSatisfy((n) => n >= 1 && n <= 60) };
const statuses = async (count: number, url: string, headers: Record<string, string>) => {
  const seen: number[] = [];
  for (let n = 0; n < count; n += 1) seen.push((await ask(url, headers)).status);
  return seen;
};
const start = async (options: Parameters<typeof startLikeness>[0]) => {
  const likeness = await startLikeness(options);
  onTestFinished(() => likeness.close());
  return likeness;
};
async function openSocket(url: string, headers: Record<string, string>) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { headers });
  onTestFinished(() => socket.terminate());
  const received: string[] = [];
  let code: number | undefined;
  socket.on('message', (data: Buffer) => received.push(data.toString()));
  socket.once('close', (closed) => (code = closed));
  await once(socket, 'open');
  socket.send('{"type":"connection_init"}');
  await expect.poll(() => received.length + (code ?? 0)).toBeGreaterThan(0);
  return { socket, received, code: () => code };
}

describe('by the minute', () => {
  test('an owner: 429 with Retry-After over HTTP, an error that says it over a WebSocket; others go on', async () => {
    const { url, headers } = await start({ env: { PUBLIC_URL, OPERATIONS_PER_MINUTE: '3' } });
    const ada = { ...headers, 'x-likeness-user': 'ada' };
    const { socket, received, code } = await openSocket(url, ada);
    expect(await statuses(3, url, ada)).toEqual([200, 200, 200]);
    expect(await ask(url, ada)).toEqual(tooMany);
    expect((await ask(url, { ...ada, accept: 'text/event-stream' })).status).toBe(429);
    received.length = 0;
    socket.send('{"type":"subscribe","id":"1","payload":{"query":"{ __typename }"}}');
    await expect.poll(() => received).toHaveLength(1);
    const [error] = (JSON.parse(received[0] ?? '') as { payload: { extensions: object }[] }).payload;
    expect(error?.extensions).toEqual({ code: 'RATE_LIMITED', retryAfterSeconds: tooMany.retryAfter });
    expect(code()).toBeUndefined();
    expect(await statuses(3, url, headers)).toEqual([200, 200, 200]);
  });

  test('an address, before anybody is asked who they are: sockets too; health is not counted', async () => {
    const { url, headers } = await start({ env: { PUBLIC_URL, REQUESTS_PER_ADDRESS: '3', TRUSTED_PROXIES: '1' } });
    const at = (address: string) => ({ 'x-forwarded-for': `forged, ${address}` });
    expect(await statuses(3, url, at('192.0.2.1'))).toEqual([401, 401, 401]);
    expect(await ask(url, { ...headers, ...at('192.0.2.1') })).toEqual(tooMany);
    const upgrade = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
      headers: at('192.0.2.1'),
    });
    upgrade.on('error', () => undefined);
    const [, refused] = (await once(upgrade, 'unexpected-response')) as [unknown, IncomingMessage];
    expect([refused.statusCode, Number(refused.headers['retry-after'])]).toEqual([429, tooMany.retryAfter]);
    refused.destroy();
    expect((await fetch(`${url}/health`, { headers: at('192.0.2.1') })).status).toBe(200);
    expect((await ask(url, { ...headers, ...at('192.0.2.2') })).status).toBe(200);
    // One customer’s network of IPv6, and the next one’s.
    const network = ['2001:db8::1', '2001:db8::2', '2001:db8::3:4', '2001:db8::5'];
    const seen = [];
    for (const address of network) seen.push((await ask(url, { ...headers, ...at(address) })).status);
    expect(seen).toEqual([200, 200, 200, 429]);
    expect((await ask(url, { ...headers, ...at('2001:db8:0:1::1') })).status).toBe(200);
  });

  test('the person at this machine is not counted', async () => {
    const { url } = await start({ env: { OPERATIONS_PER_MINUTE: '1', REQUESTS_PER_ADDRESS: '1' } });
    expect(await statuses(4, url, {})).toEqual([200, 200, 200, 200]);
  });
});

describe('at once', () => {
  let likeness: TestLikeness;
  beforeAll(async () => {
    likeness = await startLikeness({ env: { PUBLIC_URL }, limits: { socketsPerOwner: 2, uploadsPerOwner: 1 } });
  });
  afterAll(() => likeness.close());
  const as = (user: string) => ({ ...likeness.headers, 'x-likeness-user': user });

  test.each<[string, (socket: WebSocket) => void]>([
    ['closes', (socket) => socket.close()],
    ['vanishes', (socket) => socket.terminate()],
    ['says what is no message, and is closed', (socket) => socket.send('no')],
  ])('sockets of an owner: one more is closed with 4441, until one %s', async (how, end) => {
    const me = as(how.slice(0, 4));
    const [first] = [await openSocket(likeness.url, me), await openSocket(likeness.url, me)];
    expect((await openSocket(likeness.url, me)).code()).toBe(4441);
    expect((await openSocket(likeness.url, as('else'))).code()).toBeUndefined();
    end(first.socket);
    await expect.poll(async () => (await openSocket(likeness.url, me)).code()).toBeUndefined();
    expect((await openSocket(likeness.url, me)).code()).toBe(4441);
  });

  test('uploads of an owner: one more is 429, until one is there or its client leaves', async () => {
    const [firstPart, rest] = ['--b\r\n', 'Content-Disposition: form-data; name="operations"\r\n\r\n{}\r\n--b--\r\n'];
    const begin = (user: string) => {
      const length = { 'content-length': String(firstPart.length + rest.length) };
      const lines = Object.entries({ ...as(user), host: 'likeness.example', ...length });
      const type = 'content-type: multipart/form-data; boundary=b\r\n\r\n';
      return converse(
        likeness.url,
        `POST /graphql HTTP/1.1\r\n${lines.map((line) => `${line.join(': ')}\r\n`).join('')}${type}${firstPart}`,
      );
    };
    const upload = async (user: string) => {
      const body = new FormData();
      body.set('operations', 'none');
      const response = await fetch(`${likeness.url}/graphql`, { method: 'POST', headers: as(user), body });
      await response.body?.cancel();
      return response.status;
    };
    const ends: ((begun: ReturnType<typeof begin>) => void)[] = [({ leave }) => leave(), ({ send }) => send(rest)];
    for (const end of ends) {
      const begun = begin('ada');
      await expect.poll(() => readdirSync(join(likeness.dataDir, 'uploads'))).toHaveLength(1);
      expect(await upload('ada')).toBe(429);
      // 400: what is sent here is no operation, and was read.
      expect(await upload('bob')).toBe(400);
      end(begun);
      await expect.poll(() => upload('ada')).toBe(400);
      expect(await upload('ada')).toBe(400);
      begun.leave();
    }
  });
});

describe.runIf(databases.length > 1)('on PostgreSQL', () => {
  let database: ServerDatabase;
  const servers: TestLikeness[] = [];
  beforeAll(async () => {
    database = await onPostgres();
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
  });
  afterAll(() => database.remove());

  test('two servers count together, in the table RateLimit, and start anew when the minute is over', async () => {
    const { DATA_DIR: dataDir = '', ...rest } = database.env;
    const fal = { FAL_MODE: 'live', FAL_KEY: 'a:b', FAL_BASE_URL: 'http://127.0.0.1:1' };
    const env = { PUBLIC_URL, OPERATIONS_PER_MINUTE: '4', REQUESTS_PER_ADDRESS: '1000', ...fal, ...rest };
    for (let n = 0; n < 2; n += 1) servers.push(await startLikeness({ dataDir, env }));
    const [one, two] = servers as [TestLikeness, TestLikeness];
    const [here, there] = [await statuses(2, one.url, one.headers), await statuses(2, two.url, one.headers)];
    expect([here, there]).toEqual([
      [200, 200],
      [200, 200],
    ]);
    expect([await ask(one.url, one.headers), await ask(two.url, one.headers)]).toEqual([tooMany, tooMany]);
    const { prisma } = one.app;
    const counted = await prisma.rateLimit.findMany({ where: { key: { startsWith: 'operations:' } } });
    expect(counted).toEqual([expect.objectContaining({ points: 6 })]);
    // Another user of theirs has a budget of their own.
    expect(await statuses(1, two.url, { ...one.headers, 'x-likeness-user': 'ada' })).toEqual([200]);
    await prisma.rateLimit.updateMany({ data: { expire: 1n } });
    servers.push(await startLikeness({ dataDir, env }));
    expect(await statuses(1, servers[2]?.url ?? '', one.headers)).toEqual([200]);
  });
});

test('without settings the limits are those of the README', () => {
  expect(defaultLimits).toMatchObject({ operationsPerMinute: 1_200, requestsPerAddress: 3_000 });
});
