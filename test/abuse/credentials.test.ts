/** Invalid keys, keys of other users, and keys that ask for more than their scopes. Tokens: tokens.test.ts. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';
import { attack, codeOf, failuresOf, guarded, newKey, openRaw, revoke } from './attack.ts';
import { claims, pem, sign, tokenEnv } from './provider.ts';

const query = '{ viewer { externalId } }';

let likeness: TestLikeness;
beforeAll(async () => {
  likeness = await startLikeness({ manual: true, env: { ...guarded, ...tokenEnv, JWT_PUBLIC_KEY: pem } });
});
afterAll(() => likeness.close());

const send = (authorization: string, headers: Record<string, string> = {}, { url } = likeness) =>
  attack({ url, headers: { ...headers, authorization } }, { query });

describe('the Authorization header', () => {
  test.each([
    'Basic bGs6bGs=',
    'Bearer',
    'Bearer lk_',
    `Bearer lk_${'A'.repeat(43)}`,
    'lk_without_a_scheme',
    'Bearer lk_one lk_two',
    'Bearer "lk_x"',
    'Bearer: lk_x',
    'Bearer lk_é',
    'Bearer lk_x, Bearer lk_y',
    `Bearer ${'x'.repeat(8_193)}`,
    'Bearer a.b',
    'Bearer a.b.c',
    'Bearer a.b.c.d.e',
    "Bearer ' OR 1=1 --",
    'Digest username="admin"',
    'null',
    '',
  ])('%j gets 401 with a WWW-Authenticate challenge', async (authorization) => {
    const found = await send(authorization);
    expect([found.status, codeOf(found)]).toEqual([401, 'UNAUTHENTICATED']);
    expect(found.headers.get('www-authenticate')).toMatch(
      /^Bearer realm="likeness"(, error="invalid_token", error_description="[^"]+")?$/,
    );
    const { send: sendMessage, closed } = await openRaw(likeness.url);
    sendMessage({ type: 'connection_init', payload: { authorization } });
    expect((await closed).code).toBe(4403);
  });

  test.each<[what: string, spoil: (key: string) => string]>([
    ['in capitals', (key) => key.toUpperCase()],
    ['without its last character', (key) => key.slice(0, -1)],
    ['with an additional character', (key) => `${key}A`],
    ['reversed', (key) => `lk_${Array.from(key.slice(3)).toReversed().join('')}`],
  ])('with a valid key %s gets 401', async (_what, spoil) => {
    const { key } = await newKey(likeness);
    expect((await send(`Bearer ${key}`)).status).toBe(200);
    expect((await send(`Bearer ${spoil(key)}`)).status).toBe(401);
  });

  test('with the stored hash or the id of a key gets 401', async () => {
    const { id } = await newKey(likeness);
    const { hash } = await likeness.app.prisma.apiKey.findUniqueOrThrow({ where: { id } });
    for (const stored of [hash, `lk_${hash}`, id, `lk_${id}`])
      expect((await send(`Bearer ${stored}`)).status).toBe(401);
  });

  test('with a revoked or expired key gets 401', async () => {
    const [revoked, expired] = [await newKey(likeness), await newKey(likeness)];
    await revoke(likeness, revoked.id);
    await likeness.app.prisma.apiKey.update({ where: { id: expired.id }, data: { expiresAt: new Date() } });
    for (const { headers } of [revoked, expired]) expect((await send(headers['authorization'] ?? '')).status).toBe(401);
  });
});

describe('acting for another user', () => {
  const as = (authorization: string, user: string) => send(authorization, { 'x-likeness-user': user });
  test('requires the scope ACT_AS, which ADMIN does not include', async () => {
    for (const scope of ['READ', 'WRITE', 'ADMIN'] as const) {
      const { headers } = await newKey(likeness, [scope]);
      expect((await as(headers['authorization'] ?? '', 'ada')).status).toBe(403);
    }
    expect(await likeness.app.prisma.user.count({ where: { realm: { startsWith: 'user:' } } })).toBe(0);
  });

  test('is forbidden to tokens', async () => {
    expect((await as(`Bearer ${await sign(claims())}`, 'bob')).status).toBe(403);
  });

  test.each(['two words', 'ada\tbob', 'é', 'x'.repeat(256), 'ada, bob '])('named %j gets 400', async (name) => {
    expect((await as(likeness.headers['authorization'] ?? '', name)).status).toBe(400);
  });

  test.each([
    '\0',
    'ada\nbob',
    'ada\r\nx: y',
    '\u202E',
    ''.padEnd(300, 'x'),
    ' ',
  ])('named %j in connection_init closes the socket', async (name) => {
    const raw = await openRaw(likeness.url);
    raw.send({ type: 'connection_init', payload: { ...likeness.headers, 'X-Likeness-User': name } });
    expect(await raw.closed).toMatchObject({ code: 4403, reason: expect.stringContaining('visible ASCII') as string });
  });

  test('gives each key owner a separate user of that name, who is never an admin', async () => {
    const keys = [await newKey(likeness, ['ACT_AS', 'ADMIN']), await newKey(likeness, ['ACT_AS', 'ADMIN'])];
    const viewers = await Promise.all(
      keys.map(({ url, headers }) =>
        attack({ url, headers: { ...headers, 'x-likeness-user': 'ada' } }, { query: '{ viewer { id } }' }),
      ),
    );
    expect(new Set(viewers.map(({ data }) => JSON.stringify(data))).size).toBe(2);
    const [{ url, headers } = likeness] = keys;
    const admin = { url, headers: { ...headers, 'x-likeness-user': 'ada' } };
    expect(codeOf(await attack(admin, { query: '{ users { edges { cursor } } }' }))).toBe('FORBIDDEN');
  });
});

test('none of these attacks was logged as an error of the server', () => {
  expect(failuresOf(likeness)).toEqual([]);
});
