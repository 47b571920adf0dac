/**
 * What a page of another site can do, and the security headers of every response. test/server/http/http.test.ts tests which
 * bodies are accepted, their size limits, and timeouts for slow headers and bodies; test/server/upload/multipart.test.ts does so for uploads.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { multipartForm } from '../support/http.ts';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';
import { failuresOf, guarded } from './attack.ts';

const allowedOrigin = 'https://app.example.com';
const mutation = 'mutation { createUser(input: { externalId: "attacked" }) { __typename } }';

let likeness: TestLikeness;
beforeAll(async () => {
  likeness = await startLikeness({ manual: true, env: { ...guarded, CORS_ORIGINS: allowedOrigin } });
});
afterAll(() => likeness.close());

describe('the server rejects a mutation', () => {
  const post = (headers: Record<string, string>, body: BodyInit = JSON.stringify({ query: mutation })) => ({
    method: 'POST',
    headers,
    body,
  });
  const json = { 'content-type': 'application/json' };
  const search = `?query=${encodeURIComponent(mutation)}`;
  test.each<[what: string, status: number, init: RequestInit, search?: string]>([
    ['by GET', 405, {}, search],
    ['by HEAD', 405, { method: 'HEAD' }, search],
    ['by PUT', 405, { ...post(json), method: 'PUT' }, search],
    ['by DELETE', 405, { method: 'DELETE' }, search],
    ['by OPTIONS', 405, { method: 'OPTIONS' }, search],
    ['by GET with x-http-method-override: POST', 405, { headers: { 'x-http-method-override': 'POST' } }, search],
    [
      'as text/plain with application/json as a parameter',
      415,
      post({ 'content-type': 'text/plain; application/json' }),
    ],
    [
      'as text/plain with application/json as its charset',
      415,
      post({ 'content-type': 'text/plain; charset=application/json' }),
    ],
    ['with two content types', 415, post({ 'content-type': 'text/plain, application/json' })],
    ['as a URL-encoded form', 415, post({ 'content-type': 'application/x-www-form-urlencoded' }, search.slice(1))],
    ['from a page of another site, with a key', 403, post({ ...json, origin: 'https://evil.example' })],
    ['from the origin "null"', 403, post({ ...json, origin: 'null' })],
    ['from the allowed origin over http', 403, post({ ...json, origin: allowedOrigin.replace('https', 'http') })],
    ['from another port of the allowed origin', 403, post({ ...json, origin: `${allowedOrigin}:8443` })],
    [
      'from an origin that begins like the allowed one',
      403,
      post({ ...json, origin: `${allowedOrigin}.evil.example` }),
    ],
    ['from an origin that ends like the allowed one', 403, post({ ...json, origin: 'https://evilapp.example.com' })],
    ['with two origins', 403, post({ ...json, origin: `${allowedOrigin}, https://evil.example` })],
    [
      'by a multipart form from another site',
      403,
      post({ origin: 'https://evil.example' }, multipartForm(mutation, {}, [])),
    ],
    [
      'by a multipart form with sec-fetch-site: cross-site',
      403,
      post({ 'sec-fetch-site': 'cross-site' }, multipartForm(mutation, {}, [])),
    ],
    ['without a key', 401, post({ ...json, authorization: '' })],
  ])('%s, with status %i', async (_what, status, init, parameters = '') => {
    const headers = { ...likeness.headers, ...(init.headers as Record<string, string>) };
    const response = await fetch(`${likeness.url}/graphql${parameters}`, { ...init, headers });
    expect(response.status).toBe(status);
    await response.text();
    expect(await likeness.app.prisma.user.count({ where: { externalId: 'attacked' } })).toBe(0);
  });

  test('but runs one that a page of an allowed origin sends as JSON', async () => {
    const headers = { ...likeness.headers, ...json, origin: allowedOrigin };
    const query = mutation.replace('attacked', 'allowed');
    const response = await fetch(`${likeness.url}/graphql`, post(headers, JSON.stringify({ query })));
    expect(await response.json()).toEqual({ data: { createUser: { __typename: 'User' } } });
    expect(response.headers.get('access-control-allow-origin')).toBe(allowedOrigin);
  });
});

describe('CORS', () => {
  const preflight = (path: string, origin: string) =>
    fetch(likeness.url + path, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'x-evil, authorization',
      },
    });
  const corsOf = (response: Response) =>
    [...response.headers].filter(([name]) => name.startsWith('access-control')).map(([name]) => name);

  test.each(['/graphql', '/files/photos/x'])('the preflight of %s allows an origin of CORS_ORIGINS', async (path) => {
    const response = await preflight(path, allowedOrigin);
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([204, allowedOrigin]);
    expect(response.headers.get('access-control-allow-headers')).not.toContain('x-evil');
    // Cookies and client certificates never authenticate.
    expect(response.headers.get('access-control-allow-credentials')).toBe(null);
    expect(response.headers.get('vary')).toBe('origin');
  });

  test.each([
    'https://evil.example',
    'null',
    `${allowedOrigin}.evil.example`,
    allowedOrigin.toUpperCase(),
    `${allowedOrigin}/`,
  ])('no response has CORS headers for the origin %s', async (origin) => {
    const refused = await fetch(`${likeness.url}/graphql?query={viewer{id}}`, {
      headers: { ...likeness.headers, origin },
    });
    expect(refused.status).toBe(403);
    for (const response of [refused, await preflight('/graphql', origin), await preflight('/files/photos/x', origin)]) {
      expect(corsOf(response)).toEqual([]);
      expect(response.headers.get('vary')).toBe('origin');
    }
  });
});

describe('every response carries the security headers', () => {
  test.each<[path: string, status: number, init?: RequestInit]>([
    ['/health', 200],
    ['/ready', 200],
    ['/nothing', 404],
    ['/graphql?query={viewer{id}}', 401],
    ['/graphql', 405, { method: 'DELETE', headers: { authorization: 'key' } }],
    ['/graphql', 403, { headers: { origin: 'https://evil.example' } }],
    [
      '/graphql',
      413,
      {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'key' },
        body: 'x'.repeat(1_048_577),
      },
    ],
    ['/graphql', 415, { method: 'POST', headers: { authorization: 'key' }, body: 'x' }],
    ['/graphql', 200, { headers: { accept: 'text/html' } }],
    ['/', 302, { headers: { accept: 'text/html' }, redirect: 'manual' }],
    ['/files/photos/00000000-0000-4000-8000-000000000001', 403],
    ['/files/x', 404],
    ['/webhooks/fal/00000000-0000-4000-8000-000000000001', 401, { method: 'POST', body: '{}' }],
    ['/webhooks/x', 405],
  ])('%s, with status %i', async (path, status, { headers, ...init } = {}) => {
    const given = headers as Record<string, string> | undefined;
    const response = await fetch(likeness.url + path, {
      ...init,
      headers: { ...given, ...(given?.['authorization'] && likeness.headers) },
    });
    await response.arrayBuffer();
    expect(response.status).toBe(status);
    const found = Object.fromEntries(response.headers);
    expect(found).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'strict-transport-security': expect.stringMatching(/^max-age=\d{8}/) as string,
    });
    expect(found['content-security-policy']).toContain("default-src 'none'");
    expect(found['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(found).not.toHaveProperty('x-powered-by');
    expect(found).not.toHaveProperty('server');
  });
});

test('none of these attacks was logged as an error of the server', () => {
  expect(failuresOf(likeness)).toEqual([]);
});
