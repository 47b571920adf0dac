/** Rate and concurrency limits, per owner and per address, which a client cannot evade by lying about itself. */
import { readdir } from 'node:fs/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createApiKey } from '../../src/apikey/commands.ts';
import { multipartForm } from '../support/http.ts';
import { converse } from '../support/raw.ts';
import { alive, attack, codeOf, newKey, outcomeOf, startGuarded } from './attack.ts';

const query = '{ viewer { id } }';
const retryAfter = ({ headers }: { headers: Headers }) => Number(headers.get('retry-after'));

describe('an owner', () => {
  test('who exceeds operationsPerMinute gets 429 with Retry-After for all their keys, while others are served', async () => {
    const likeness = await startGuarded({ limits: { operationsPerMinute: 3 } });
    const [user, other] = [await newKey(likeness), await newKey(likeness)];
    const second = await createApiKey(likeness.app, user.ownerId, { name: 'second', scopes: ['READ'] });
    const bySecond = { url: likeness.url, headers: { authorization: `Bearer ${second.key}` } };
    for (const caller of [user, bySecond, user]) expect((await attack(caller, { query })).status).toBe(200);
    for (const caller of [user, bySecond]) {
      const refused = await attack(caller, { query });
      expect([refused.status, codeOf(refused)]).toEqual([429, 'RATE_LIMITED']);
      expect(retryAfter(refused)).toBeGreaterThanOrEqual(1);
      expect(retryAfter(refused)).toBeLessThanOrEqual(60);
    }
    expect((await attack(other, { query })).status).toBe(200);
  });

  test('is not charged for requests with wrong keys, nor for requests on behalf of other users', async () => {
    const likeness = await startGuarded({ limits: { operationsPerMinute: 2 } });
    const app = await newKey(likeness, ['ACT_AS', 'WRITE']);
    const as = (name: string) => ({ url: app.url, headers: { ...app.headers, 'x-likeness-user': name } });
    for (let round = 0; round < 5; round += 1) {
      const wrong = { url: app.url, headers: { authorization: `${app.headers['authorization']}x` } };
      expect((await attack(wrong, { query })).status).toBe(401);
    }
    for (const name of ['ada', 'ada', 'bob', 'bob']) expect((await attack(as(name), { query })).status).toBe(200);
    for (const name of ['ada', 'bob']) expect((await attack(as(name), { query })).status).toBe(429);
    expect((await attack(app, { query })).status).toBe(200);
  });

  test('can run only uploadsPerOwner uploads at once, and another when one ends', async () => {
    const likeness = await startGuarded({ limits: { uploadsPerOwner: 2 } });
    const user = await newKey(likeness);
    const authorization = user.headers['authorization'] ?? '';
    const head = `POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${authorization}\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 9999\r\n\r\n--b\r\n`;
    const open = async () => (await readdir(`${likeness.dataDir}/uploads`)).length;
    const held = [converse(user.url, head), converse(user.url, head)];
    await vi.waitFor(async () => expect(await open()).toBe(2));
    const more = () =>
      fetch(`${user.url}/graphql`, { method: 'POST', headers: user.headers, body: multipartForm(query, {}, []) });
    const refused = await outcomeOf(await more());
    expect([refused.status, codeOf(refused), retryAfter(refused)]).toEqual([429, 'RATE_LIMITED', 1]);
    expect((await attack(user, { query })).status).toBe(200);
    held.forEach(({ leave }) => leave());
    await vi.waitFor(async () => expect((await more()).status).toBe(200));
  });

  test('can hold only socketsPerOwner event streams', async () => {
    const likeness = await startGuarded({ limits: { socketsPerOwner: 2 } });
    const user = await newKey(likeness);
    const leaving = new AbortController();
    onTestFinished(() => leaving.abort());
    const statuses: number[] = [];
    for (let index = 0; index < 3; index += 1) {
      const response = await fetch(`${user.url}/graphql?query=subscription{jobChanged{id}}`, {
        headers: { ...user.headers, accept: 'text/event-stream' },
        signal: leaving.signal,
      });
      statuses.push(response.status);
    }
    expect(statuses).toEqual([200, 200, 429]);
  });
});

describe('an address', () => {
  const from = (url: string, forwarded?: string) =>
    fetch(`${url}/graphql?query=${query}`, {
      headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
    });

  test('that exceeds requestsPerAddress gets 429 before authentication, also for WebSocket handshakes', async () => {
    const { url } = await startGuarded({ limits: { requestsPerAddress: 3 } });
    for (let round = 0; round < 3; round += 1) expect((await from(url)).status).toBe(401);
    const refused = await outcomeOf(await from(url));
    expect([refused.status, codeOf(refused)]).toEqual([429, 'RATE_LIMITED']);
    expect(retryAfter(refused)).toBeGreaterThanOrEqual(1);
    const handshake = `GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${'A'.repeat(22)}==\r\n\r\n`;
    const socket = converse(url, handshake);
    await socket.closed;
    expect(socket.answer()).toMatch(/^HTTP\/1\.1 429 [^]*retry-after: \d+/i);
    expect(await alive({ url })).toBe(true);
  });

  test('cannot be forged: two proxies are trusted, and the third hop is forged', async () => {
    const { url } = await startGuarded({ env: { TRUSTED_PROXIES: '2' }, limits: { requestsPerAddress: 3 } });
    const hops = ['1.1.1.1,9.9.9.9,8.8.8.8', '2.2.2.2,9.9.9.9,8.8.8.8', '9.9.9.9,7.7.7.7', '3.3.3.3,9.9.9.9,6.6.6.6'];
    const statuses: number[] = [];
    for (const forwarded of hops) statuses.push((await from(url, forwarded)).status);
    expect(statuses).toEqual([401, 401, 401, 429]);
  });
});

test('connections above the limit are closed, and accepted again when others close', async () => {
  const { url } = await startGuarded({ limits: { connections: 3 } });
  const request = 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const held = Array.from({ length: 3 }, () => converse(url, request));
  await vi.waitFor(() => held.forEach(({ answer }) => expect(answer()).toContain('200 OK')));
  const fourth = converse(url, request);
  await fourth.closed;
  expect(fourth.answer()).toBe('');
  held.forEach(({ leave }) => leave());
  await vi.waitFor(async () => {
    const next = converse(url, request.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    await next.closed;
    expect(next.answer()).toContain('200 OK');
  });
});
