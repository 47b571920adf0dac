/**
 * What pages of other sites may do, and what every answer says to browsers. test/server/http/http.test.ts proves which bodies
 * are taken and how large, and that slow headers and bodies are cut off; test/server/upload/multipart.test.ts the same of uploads.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { multipartForm } from '../support/http.ts';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';
import { failuresOf, guarded } from './attack.ts';

const friend = 'https://app.example.com';
const mutation = 'mutation { createUser(input: { externalId: "attacked" }) { __typename } }';

let likeness: TestLikeness;
beforeAll(async () => {
  likeness = await startLikeness({ manual: true, env: { ...guarded, CORS_ORIGINS: friend } });
});
afterAll(() => likeness.close());

describe('a mutation is not run', () => {
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
    ['by GET that says it is a POST', 405, { headers: { 'x-http-method-override': 'POST' } }, search],
    ['as a text that names JSON too', 415, post({ 'content-type': 'text/plain; application/json' })],
    ['as a text that says it is JSON', 415, post({ 'content-type': 'text/plain; charset=application/json' })],
    ['as two types', 415, post({ 'content-type': 'text/plain, application/json' })],
    ['as a form', 415, post({ 'content-type': 'application/x-www-form-urlencoded' }, search.slice(1))],
    ['as a page of another site, with a key', 403, post({ ...json, origin: 'https://evil.example' })],
    ['as a page of no site', 403, post({ ...json, origin: 'null' })],
    ['as a page of http', 403, post({ ...json, origin: friend.replace('https', 'http') })],
    ['as a page of a friend’s other port', 403, post({ ...json, origin: `${friend}:8443` })],
    ['as a page that begins like a friend', 403, post({ ...json, origin: `${friend}.evil.example` })],
    ['as a page that ends like a friend', 403, post({ ...json, origin: 'https://evilapp.example.com' })],
    ['as two origins', 403, post({ ...json, origin: `${friend}, https://evil.example` })],
    ['by a form of another site', 403, post({ origin: 'https://evil.example' }, multipartForm(mutation, {}, []))],
    [
      'by a form that a browser says is another site’s',
      403,
      post({ 'sec-fetch-site': 'cross-site' }, multipartForm(mutation, {}, [])),
    ],
    ['without a key', 401, post({ ...json, authorization: '' })],
  ])('%s: %i', async (_what, status, init, parameters = '') => {
    const headers = { ...likeness.headers, ...(init.headers as Record<string, string>) };
    const response = await fetch(`${likeness.url}/graphql${parameters}`, { ...init, headers });
    expect(response.status).toBe(status);
    await response.text();
    expect(await likeness.app.prisma.user.count({ where: { externalId: 'attacked' } })).toBe(0);
  });

  test('and is, as it ought to be sent, by a page of a friend', async () => {
    const headers = { ...likeness.headers, ...json, origin: friend };
    const query = mutation.replace('attacked', 'friendly');
    const response = await fetch(`${likeness.url}/graphql`, post(headers, JSON.stringify({ query })));
    expect(await response.json()).toEqual({ data: { createUser: { __typename: 'User' } } });
    expect(response.headers.get('access-control-allow-origin')).toBe(friend);
  });
});

describe('a page of another site', () => {
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

  test.each([
    '/graphql',
    '/files/photos/x',
  ])('is told by the preflight of %s that it may, when it is a friend’s', async (path) => {
    const response = await preflight(path, friend);
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([204, friend]);
    expect(response.headers.get('access-control-allow-headers')).not.toContain('x-evil');
    // No cookie, and no client certificate, is ever a reason to be let in.
    expect(response.headers.get('access-control-allow-credentials')).toBe(null);
    expect(response.headers.get('vary')).toBe('origin');
  });

  test.each([
    'https://evil.example',
    'null',
    `${friend}.evil.example`,
    friend.toUpperCase(),
    `${friend}/`,
  ])('is told nothing by any answer, as %s', async (origin) => {
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

describe('every answer tells browsers to make nothing of it', () => {
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
  ])('%s: %i', async (path, status, { headers, ...init } = {}) => {
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

test('nothing of all this was a failure of the server’s own', () => {
  expect(failuresOf(likeness)).toEqual([]);
});
