/** JSON Web Tokens that are forged, malformed, expired, or meant for another server. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { CompactSign, exportJWK, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';
import { freePort } from '../support/process.ts';
import { attack, codeOf, failuresOf, guarded, startGuarded, startVictim } from './attack.ts';
import { audience, claims, issuer, now, pem, provider, sign, tokenEnv } from './provider.ts';

const foreign = generateKeyPairSync('rsa', { modulusLength: 2048 });
const elliptic = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const query = '{ viewer { externalId } }';

let likeness: TestLikeness;
beforeAll(async () => {
  likeness = await startLikeness({ manual: true, env: { ...guarded, ...tokenEnv, JWT_PUBLIC_KEY: pem } });
});
afterAll(() => likeness.close());

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const send = (authorization: string, headers: Record<string, string> = {}, { url } = likeness) =>
  attack({ url, headers: { ...headers, authorization } }, { query });

describe('a token', () => {
  const unsigned = () => `${part({ alg: 'none' })}.${part(claims())}.`;
  const attacks: [what: string, token: () => Promise<string> | string][] = [
    ['with the algorithm none', () => new UnsecuredJWT(claims()).encode()],
    ['with the algorithm nOnE', () => unsigned().replace(part({ alg: 'none' }), part({ alg: 'nOnE' }))],
    ['without a signature', async () => (await sign(claims())).replace(/[^.]*$/, '')],
    ['with the public key as an HMAC secret', () => sign(claims(), { alg: 'HS256' }, Buffer.from(pem))],
    [
      'with the public key as an HMAC secret, in one line',
      () => sign(claims(), { alg: 'HS256' }, Buffer.from(pem.trim())),
    ],
    ['with an empty HMAC secret', () => `${part({ alg: 'HS256' })}.${part(claims())}.`],
    ['signed with another key', () => sign(claims(), {}, foreign.privateKey)],
    ['signed with a key of another type', () => sign(claims(), { alg: 'ES256' }, elliptic.privateKey)],
    [
      'that embeds its own key',
      async () => sign(claims(), { jwk: await exportJWK(foreign.publicKey) }, foreign.privateKey),
    ],
    [
      'that links to its key',
      () => sign(claims(), { jku: 'https://evil.example/keys', x5u: 'https://evil.example/x' }, foreign.privateKey),
    ],
    ['whose kid is a path', () => sign(claims(), { kid: '../../../../dev/null' }, foreign.privateKey)],
    ['whose kid is SQL', () => sign(claims(), { kid: "x' UNION SELECT 'key' --" }, foreign.privateKey)],
    ['with a signature of zeros', async () => (await sign(claims())).replace(/[^.]*$/, 'A'.repeat(342))],
    [
      'whose claims were changed',
      async () => (await sign(claims())).replace(/\.[^.]*\./, `.${part(claims({ sub: 'bob' }))}.`),
    ],
    ['that has expired', () => sign(claims({ exp: now() - 10 }))],
    ['that is not valid yet', () => sign(claims({ nbf: now() + 60 }))],
    ['for another audience', () => sign(claims({ aud: 'other' }))],
    ['without an audience', () => sign({ sub: 'ada', iss: issuer, exp: now() + 60 })],
    ['of another issuer', () => sign(claims({ iss: `${issuer}.evil.example` }))],
    ['without an issuer', () => sign({ sub: 'ada', aud: audience, exp: now() + 60 })],
    ['without a subject', () => sign({ iss: issuer, aud: audience, exp: now() + 60 })],
    ['that never expires', () => sign({ sub: 'ada', iss: issuer, aud: audience })],
    ['whose expiry is a string', () => sign(claims({ exp: '9999999999' as unknown as number }))],
    [
      'with a critical extension',
      () =>
        new SignJWT(claims())
          .setProtectedHeader({ alg: 'RS256', crit: ['x-own'], 'x-own': 1 })
          .sign(provider.privateKey, { crit: { 'x-own': true } }),
    ],
    [
      'whose claims are not JSON',
      () => new CompactSign(Buffer.from('ada')).setProtectedHeader({ alg: 'RS256' }).sign(provider.privateKey),
    ],
    [
      'whose claims are a list',
      () => new CompactSign(Buffer.from('[]')).setProtectedHeader({ alg: 'RS256' }).sign(provider.privateKey),
    ],
    ['whose header is not JSON', () => `e30x.${part(claims())}.AAAA`],
  ];
  test.each(attacks)('%s gets 401 and creates no user', async (_what, make) => {
    const token = await make();
    const users = await likeness.app.prisma.user.count();
    const found = await send(`Bearer ${token}`);
    expect([found.status, codeOf(found)]).toEqual([401, 'UNAUTHENTICATED']);
    expect(found.headers.get('www-authenticate')).toContain('error="invalid_token"');
    expect(found.text).not.toContain(token);
    expect(await likeness.app.prisma.user.count()).toBe(users);
  });

  test('that is valid authenticates its user, who is not an admin', async () => {
    const authorization = `Bearer ${await sign(claims())}`;
    expect((await send(authorization)).data).toEqual({ viewer: { externalId: 'ada' } });
    const users = await attack(
      { url: likeness.url, headers: { authorization } },
      { query: '{ users { edges { cursor } } }' },
    );
    expect(codeOf(users)).toBe('FORBIDDEN');
  });

  test('with an empty, numeric or too long subject gets 401, and the server keeps running', async () => {
    const { url } = await startVictim({ ...tokenEnv, JWT_PUBLIC_KEY: pem });
    for (const sub of ['', 5, 'x'.repeat(256)]) {
      const token = await sign(claims({ sub: sub as string }));
      expect((await send(`Bearer ${token}`, {}, { ...likeness, url })).status).toBe(401);
    }
  });

  test('with a NUL in its subject gets 401', async () => {
    const { url } = await startGuarded({ env: { ...tokenEnv, JWT_PUBLIC_KEY: pem } });
    expect((await send(`Bearer ${await sign(claims({ sub: 'a\0b' }))}`, {}, { ...likeness, url })).status).toBe(401);
  });
});

describe('the keys of the provider', () => {
  test('are chosen by kid; tokens with unknown kids get 401 without a JWKS request each', async () => {
    let requests = 0;
    const jwk = { ...(await exportJWK(provider.publicKey)), kid: 'one', alg: 'RS256', use: 'sig' };
    const server = createServer((_request, response) => {
      requests += 1;
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] }));
    });
    onTestFinished(() => void server.close());
    const port = await freePort();
    await once(server.listen(port, '127.0.0.1'), 'listening');
    const JWKS_URL = `http://127.0.0.1:${port}/jwks`;
    const served = await startGuarded({ env: { ...tokenEnv, JWKS_URL } });
    const statusWith = async (header: object, key?: KeyObject) =>
      (await send(`Bearer ${await sign(claims(), header, key)}`, {}, served)).status;
    expect(await statusWith({ kid: 'one' })).toBe(200);
    for (let round = 0; round < 20; round += 1) expect(await statusWith({ kid: `unknown-${round}` })).toBe(401);
    expect(await statusWith({ kid: 'one' }, foreign.privateKey)).toBe(401);
    expect(requests).toBeLessThanOrEqual(2);
  });

  test('get 503 with Retry-After while they cannot be fetched', async () => {
    const served = await startGuarded({ env: { ...tokenEnv, JWKS_URL: `http://127.0.0.1:${await freePort()}/jwks` } });
    const found = await send(`Bearer ${await sign(claims(), { kid: 'one' })}`, {}, served);
    expect([found.status, found.headers.get('retry-after')]).toEqual([503, '5']);
  });
});

test('none of these attacks was logged as an error of the server', () => {
  expect(failuresOf(likeness)).toEqual([]);
});
