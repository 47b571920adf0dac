/** Pages of other sites: those of CORS_ORIGINS may use the server with a key or a token, all others may not. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { multipartForm } from '../../support/http.ts';
import { startLikeness, type TestLikeness } from '../../support/likeness.ts';
import { photoPath } from '../../support/photos.ts';

const app = 'https://app.example.com';
const other = 'https://app.example.com.evil.example';
const headersOf = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-') || name === 'vary'));
const open = { 'access-control-allow-origin': app, 'access-control-expose-headers': 'retry-after, www-authenticate' };

async function send(url: string, headers: Record<string, string>, init: RequestInit = {}) {
  const body = '{"query":"{ viewer { id } }"}';
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
    ...init,
  });
  return { response, text: await response.text() };
}
const preflight = async (url: string, origin: string, path = '/graphql') =>
  await fetch(`${url}${path}`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type,x-likeness-user',
    },
  });
/** Whether a page of this origin gets a socket, or the status that it gets instead. */
async function upgrade(url: string, origin: string): Promise<number> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { origin });
  onTestFinished(() => socket.terminate());
  socket.on('error', () => undefined);
  return await Promise.race([
    once(socket, 'open').then(() => 101),
    once(socket, 'unexpected-response').then(([, response]) => (response as IncomingMessage).statusCode ?? 0),
  ]);
}

describe('with CORS_ORIGINS', () => {
  let likeness: TestLikeness;
  beforeAll(async () => {
    const env = { PUBLIC_URL: 'https://likeness.example', CORS_ORIGINS: `${app}, https://two.example` };
    likeness = await startLikeness({ env });
  });
  afterAll(() => likeness.close());

  test('a preflight of theirs is answered without a key, and never allows cookies', async () => {
    for (const origin of [app, 'https://two.example']) {
      const answer = await preflight(likeness.url, origin);
      expect(answer.status).toBe(204);
      expect(await answer.text()).toBe('');
      const { 'access-control-allow-headers': allowed = '', ...rest } = headersOf(answer);
      for (const name of ['authorization', 'content-type', 'x-likeness-user', 'accept']) {
        expect(allowed.split(', ')).toContain(name);
      }
      expect(rest).toEqual({
        ...open,
        'access-control-allow-origin': origin,
        'access-control-allow-methods': 'GET, POST',
        'access-control-max-age': '86400',
        vary: 'origin',
      });
    }
  });

  test.each<[string, () => Record<string, string>, number]>([
    ['an answer', () => likeness.headers, 200],
    ['a refusal, to be read as well', () => ({}), 401],
    ['a stream', () => ({ ...likeness.headers, accept: 'text/event-stream' }), 200],
    ['what a browser says of itself', () => ({ ...likeness.headers, 'sec-fetch-site': 'cross-site' }), 200],
    ['what it says of a neighbour', () => ({ ...likeness.headers, 'sec-fetch-site': 'same-site' }), 200],
  ])('a page of theirs may read %s', async (_what, headers, status) => {
    const { response } = await send(likeness.url, { origin: app, ...headers() });
    expect([response.status, headersOf(response)]).toEqual([status, { ...open, vary: 'origin' }]);
  });

  test('a photo is theirs to read by its URL, and says that it differs by origin', async () => {
    const created = await likeness.gql<{ createAvatar: { id: string } }>(
      'mutation { createAvatar(input: { portrait: { name: "Ada" } }) { ... on PortraitAvatar { id } } }',
    );
    const addPhotos =
      'mutation($input: AddPhotosInput!) { addPhotos(input: $input) { ... on AddPhotosPayload { verdicts { photo { url } } } } }';
    const body = multipartForm(addPhotos, { input: { avatarId: created.data?.createAvatar.id, files: [null] } }, [
      { path: 'variables.input.files.0', name: '01.jpg', content: readFileSync(photoPath('good/01.jpg')) },
    ]);
    const { origin, authorization = '' } = { origin: app, ...likeness.headers };
    const { text } = await send(likeness.url, {}, { headers: { origin, authorization }, body });
    const { pathname, search } = new URL(/"url":"([^"]+)"/.exec(text)?.[1] ?? '');
    const read = async (from: string) => {
      const response = await fetch(`${likeness.url}${pathname}${search}`, { headers: { origin: from } });
      await response.body?.cancel();
      return [response.status, response.headers.get('access-control-allow-origin'), response.headers.get('vary')];
    };
    expect(await read(app)).toEqual([200, app, 'origin']);
    // An <img> of any page shows it; a script of any page does not read it.
    expect(await read(other)).toEqual([200, null, 'origin']);
    expect((await preflight(likeness.url, app, pathname)).status).toBe(204);
  });

  test.each([
    other,
    'http://app.example.com',
    'https://app.example.com:444',
    'https://likeness.example',
    'null',
  ])('a page of %s may do nothing, with a key or without', async (origin) => {
    const { response, text } = await send(likeness.url, { ...likeness.headers, origin });
    expect([response.status, text, headersOf(response)]).toEqual([
      403,
      expect.stringContaining('CROSS_SITE_REQUEST'),
      { vary: 'origin' },
    ]);
    const asked = await preflight(likeness.url, origin);
    expect([asked.status, headersOf(asked)]).toEqual([403, { vary: 'origin' }]);
    expect(await upgrade(likeness.url, origin)).toBe(403);
  });

  test('a page of theirs gets a socket, which still needs a key', async () => {
    expect(await upgrade(likeness.url, app)).toBe(101);
  });
});

test('without CORS_ORIGINS no page of another site may do anything, and no answer speaks of it', async () => {
  const likeness = await startLikeness({ env: { PUBLIC_URL: 'https://likeness.example' } });
  onTestFinished(() => likeness.close());
  const { response } = await send(likeness.url, { ...likeness.headers, origin: app });
  expect([response.status, headersOf(response)]).toEqual([403, {}]);
  const asked = await preflight(likeness.url, app);
  expect([asked.status, headersOf(asked)]).toEqual([403, {}]);
  expect(await upgrade(likeness.url, app)).toBe(403);
  expect((await send(likeness.url, likeness.headers)).response.status).toBe(200);
});
