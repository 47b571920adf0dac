/** Tokens of an identity provider: which keys are trusted, which claims are required, and which user a token authenticates. */
import { createServer, validateHeaderValue } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClient } from 'graphql-ws';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { AccessDenied } from '../../src/access/access-denied.ts';
import { createJwtVerifier } from '../../src/access/jwt.ts';
import { type Answer, gql } from '../support/http.ts';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;
const issuer = 'https://id.example';
const audience = 'likeness';
const claims = { JWT_ISSUER: issuer, JWT_AUDIENCE: audience };

/** The provider: its keys, the number of requests for them, and the response, when it is not the key set. */
const provider = { keys: [] as object[], requests: 0, answer: undefined as [status: number, body: string] | undefined };
const jwks = createServer((_request, response) => {
  provider.requests += 1;
  const [status, body] = provider.answer ?? [200, JSON.stringify({ keys: provider.keys })];
  response.writeHead(status, { 'content-type': 'application/json' }).end(body);
});

async function publish(kid: string): Promise<Pair> {
  const pair = await generateKeyPair('ES256', { extractable: true });
  provider.keys.push({ ...(await exportJWK(pair.publicKey)), kid, alg: 'ES256', use: 'sig' });
  return pair;
}
const token = (pair: Pair, payload: { [claim: string]: unknown } = {}, header: { alg?: string; kid?: string } = {}) =>
  new SignJWT({ iss: issuer, aud: audience, sub: 'ada', exp: seconds(60), ...payload })
    .setProtectedHeader({ alg: 'ES256', kid: 'first', ...header })
    .sign(pair.privateKey);
const seconds = (fromNow: number) => Math.floor(Date.now() / 1000) + fromNow;

let likeness: TestLikeness;
let first: Pair;
const listen = () => new Promise<void>((resolve) => jwks.listen(port, '127.0.0.1', resolve));
const unlisten = () => new Promise<unknown>((resolve) => jwks.close(resolve).closeAllConnections());
let port = 0;
beforeAll(async () => {
  await listen();
  ({ port } = jwks.address() as AddressInfo);
  first = await publish('first');
  const env = { PUBLIC_URL: 'https://likeness.example', JWKS_URL: `http://127.0.0.1:${port}/keys`, ...claims };
  likeness = await startLikeness({ env });
});
afterEach(() => {
  vi.restoreAllMocks();
  provider.answer = undefined;
});
afterAll(async () => {
  await likeness.close();
  await unlisten();
});

const ask = async (bearer: string, headers: Record<string, string> = {}, { url } = likeness) => {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${bearer}`, ...headers },
    body: JSON.stringify({ query: '{ viewer { id externalId } }' }),
  });
  const { data, errors } = (await response.json()) as Answer<{ viewer: { id: string; externalId: string } }>;
  const { status } = response;
  return { status, viewer: data?.viewer, error: errors?.[0], retryAfter: response.headers.get('retry-after') };
};
/** The close code of a WebSocket; 1000 when it was accepted. */
async function closeCodeOf(bearer: string): Promise<number> {
  const url = `${likeness.url.replace('http', 'ws')}/graphql`;
  const connectionParams = { authorization: `Bearer ${bearer}` };
  const client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0, connectionParams });
  try {
    await client.iterate({ query: '{ __typename }' }).next();
    return 1000;
  } catch (ended) {
    return (ended as { code: number }).code;
  } finally {
    await client.dispose();
  }
}
/** Moves the clock of the key set’s cache. Tokens are checked against the server’s own clock. */
const later = (ms: number) => {
  const real = Date.now.bind(Date);
  vi.spyOn(Date, 'now').mockImplementation(() => real() + ms);
};

describe('a token', () => {
  test('authenticates the user of its `sub`, who is created on first use, also by concurrent requests and over WebSocket', async () => {
    const several = await Promise.all(Array.from({ length: 5 }, async () => ask(await token(first))));
    expect(new Set(several.map(({ viewer }) => viewer?.id)).size).toBe(1);
    expect(several[0]).toMatchObject({ status: 200, viewer: { externalId: 'ada' } });
    const bob = await ask(await token(first, { sub: 'bob' }));
    expect(bob.viewer?.id).not.toBe(several[0]?.viewer?.id);
    expect(await closeCodeOf(await token(first))).toBe(1000);
    expect(await likeness.app.prisma.user.count({ where: { realm: `jwt:${issuer}` } })).toBe(2);
  });

  test('can read and write, but never as an admin nor for another user', async () => {
    const bearer = await token(first, { scope: 'ADMIN', scopes: ['ADMIN'] });
    const code = async (query: string) =>
      (await gql(likeness.url, query, {}, { authorization: `Bearer ${bearer}` })).errors?.[0]?.extensions?.['code'];
    expect(await code('mutation { deleteAvatar(avatarId: "none") { __typename } }')).toBeUndefined();
    expect(await code('{ users { edges { cursor } } }')).toBe('FORBIDDEN');
    expect(await code('mutation { createUser(input: { externalId: "x" }) { __typename } }')).toBe('FORBIDDEN');
    expect((await ask(bearer, { 'x-likeness-user': 'bob' })).status).toBe(403);
  });

  const hmac = async () =>
    new SignJWT({ iss: issuer, aud: audience, sub: 'ada', exp: seconds(60) })
      .setProtectedHeader({ alg: 'HS256', kid: 'first' })
      .sign(new TextEncoder().encode(await exportSPKI(first.publicKey)));
  test.each<[string, () => Promise<string> | string, RegExp]>([
    ['of another issuer', () => token(first, { iss: 'https://else.example' }), /does not accept/],
    ['for another audience', () => token(first, { aud: 'else' }), /does not accept/],
    ['without a `sub`', () => token(first, { sub: undefined }), /does not accept/],
    ['without an `exp`', () => token(first, { exp: undefined }), /does not accept/],
    ['that is not valid yet', () => token(first, { nbf: seconds(60) }), /does not accept/],
    ['that has expired', () => token(first, { exp: seconds(-6) }), /expired/],
    ['signed with an unknown key', async () => token(await generateKeyPair('ES256')), /does not accept/],
    [
      'that is not signed',
      () => new UnsecuredJWT({ iss: issuer, aud: audience, sub: 'ada' }).encode(),
      /does not accept/,
    ],
    ['signed with the public key as a secret', () => hmac(), /does not accept/],
    ['whose payload was changed', async () => (await token(first)).replace(/\.[^.]+\./, '.e30.'), /does not accept/],
    ['that is malformed', () => 'a.b.c', /does not accept/],
    ['that is no JWT at all', () => 'not-a-token', /does not accept/],
  ])('%s is rejected', async (_which, make, why) => {
    const { status, error } = await ask(await make());
    expect([status, error?.extensions?.['code'], error?.message]).toEqual([
      401,
      'UNAUTHENTICATED',
      expect.stringMatching(why),
    ]);
    expect(await closeCodeOf(await make())).toBe(4403);
  });

  test('that expired a moment ago is still accepted, because clocks differ', async () => {
    expect((await ask(await token(first, { exp: seconds(-3) }))).status).toBe(200);
  });

  // A message with a typographic apostrophe cannot go into a header: writeHead would throw while the error is answered, and
  // the unhandled rejection would end the process.
  test.each([
    ['empty', ''],
    ['256 characters long', 'x'.repeat(256)],
  ])('whose `sub` is %s is rejected with a message that fits in a header', async (_what, sub) => {
    const publicKey = await exportSPKI(first.publicKey);
    const verify = createJwtVerifier({ keys: { publicKey }, issuer, audience });
    const refused = await verify(await token(first, { sub }), new Date()).catch((error: unknown) => error);
    expect.assert(refused instanceof AccessDenied);
    validateHeaderValue('www-authenticate', refused.challenge ?? '');
  });

  // PostgreSQL cannot store NUL in a text, so without this check the request would end with 500.
  test('whose `sub` contains a NUL is rejected', async () => {
    expect((await ask(await token(first, { sub: 'a\0b' }))).status).toBe(401);
  });

  test('is rejected when the server is not configured for tokens', async () => {
    const other = await startLikeness({ env: { PUBLIC_URL: 'https://likeness.example' } });
    onTestFinished(() => other.close());
    expect(await ask(await token(first), {}, other)).toMatchObject({ status: 401 });
  });
});

describe('the keys of the provider', () => {
  test('are fetched again when a token names an unknown key, but not for each such token', async () => {
    const second = await publish('second');
    const before = provider.requests;
    later(31_000);
    const accepted = await Promise.all(
      Array.from({ length: 5 }, async () => ask(await token(second, {}, { kid: 'second' }))),
    );
    expect(accepted.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    for (let n = 0; n < 5; n += 1) {
      expect((await ask(await token(second, {}, { kid: `unknown-${n}` }))).status).toBe(401);
    }
    expect(provider.requests).toBe(before + 1);
  });

  test('are trusted for at most ten minutes after the provider removed them', async () => {
    const third = await publish('third');
    later(62_000);
    const bearer = await token(third, { exp: seconds(3_600) }, { kid: 'third' });
    expect((await ask(bearer)).status).toBe(200);
    provider.keys.pop();
    vi.restoreAllMocks();
    later(62_000 + 601_000);
    expect((await ask(bearer)).status).toBe(401);
  });

  describe('that cannot be fetched lead to 503 with Retry-After, and to 4503 over WebSocket:', () => {
    const answersAfter = async (ms: number) => {
      later(ms);
      const bearer = await token(first, { exp: seconds(36_000) });
      const { status, retryAfter, error } = await ask(bearer);
      return [status, retryAfter, error?.extensions, await closeCodeOf(bearer), (await ask('lk_none')).status];
    };
    const unavailable = [503, '5', { code: 'SERVICE_UNAVAILABLE' }, 4503, 401];
    test.each<[string, [number, string], number]>([
      ['an error', [500, ''], 2_000_000],
      ['a redirect', [302, ''], 3_000_000],
      ['a body that is not JSON', [200, '<html>'], 4_000_000],
      ['JSON that is no key set', [200, '{"keys":1}'], 5_000_000],
    ])('%s', async (_what, answer, ms) => {
      provider.answer = answer;
      expect(await answersAfter(ms)).toEqual(unavailable);
    });

    // fetch reports "fetch failed" as a TypeError, which must not count as an invalid token.
    test('a refused connection', async () => {
      await unlisten();
      onTestFinished(listen);
      expect(await answersAfter(6_000_000)).toEqual(unavailable);
    });
  });

  test.each(['RS256', 'ES256', 'EdDSA'])('can be a PEM of type %s', async (alg) => {
    const pair = await generateKeyPair(alg, { extractable: true });
    const env = { PUBLIC_URL: 'https://likeness.example', JWT_PUBLIC_KEY: await exportSPKI(pair.publicKey), ...claims };
    const server = await startLikeness({ env });
    onTestFinished(() => server.close());
    const good = await ask(await token(pair, {}, { alg }), {}, server);
    expect(good).toMatchObject({ status: 200, viewer: { externalId: 'ada' } });
    for (const other of ['RS256', 'ES256', 'EdDSA']) {
      const forged = await token(await generateKeyPair(other), {}, { alg: other });
      expect([other, (await ask(forged, {}, server)).status]).toEqual([other, 401]);
    }
  });
});
