/** Credentials work the same over every transport. A caller without any is the local admin on loopback, and rejected elsewhere. */
import { readFileSync } from 'node:fs';
import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { endUserRealm, findOrCreateUser, localViewer } from '../../src/access/session.ts';
import { createApiKey } from '../../src/apikey/commands.ts';
import { type Answer, gql, multipartForm } from '../support/http.ts';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';
import { photoPath } from '../support/photos.ts';

type Values = Record<string, unknown>;
const query = '{ viewer { id } }';
const userId = (id: string) => Buffer.from(`User:${id}`).toString('base64');

/** The id of the viewer over a WebSocket, or the close code. */
async function callerOverSocket(
  server: string,
  connectionParams: Values,
  headers: Record<string, string> = {},
): Promise<string | number> {
  class WithHeaders extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols, { headers });
    }
  }
  const url = `${server.replace('http', 'ws')}/graphql`;
  const client = createClient({ url, webSocketImpl: WithHeaders, retryAttempts: 0, connectionParams });
  try {
    const { value } = await client.iterate<{ viewer: { id: string } }>({ query }).next();
    return (value as Answer<{ viewer: { id: string } }>).data?.viewer.id ?? '';
  } catch (ended) {
    return (ended as { code: number }).code;
  } finally {
    await client.dispose();
  }
}

async function callerOverHttp(server: string, headers: Record<string, string>, accept: string) {
  const response = await fetch(`${server}/graphql?query=${encodeURIComponent(query)}`, {
    headers: { accept, ...headers },
  });
  const text = await response.text();
  const json = /^data: (.+)$/m.exec(text)?.[1] ?? text;
  return (JSON.parse(json) as Answer<{ viewer: { id: string } }>).data?.viewer.id ?? response.status;
}

describe('the same credentials authenticate the same user in', () => {
  let likeness: TestLikeness;
  let key: string;
  let owner: string;
  let endUser: string;
  beforeAll(async () => {
    likeness = await startLikeness({ env: { PUBLIC_URL: 'https://likeness.example' } });
    const { id } = await findOrCreateUser(likeness.app, endUserRealm(localViewer), 'owner-of-the-key');
    ({ key } = await createApiKey(likeness.app, id, { name: 'bot', scopes: ['WRITE', 'ACT_AS'] }));
    owner = userId(id);
    endUser = userId((await findOrCreateUser(likeness.app, endUserRealm({ id }), 'ada')).id);
  });
  afterAll(() => likeness.close());

  test('the headers of a request for JSON or server-sent events', async () => {
    const authorization = `Bearer ${key}`;
    for (const accept of ['application/json', 'application/graphql-response+json', 'text/event-stream']) {
      expect(await callerOverHttp(likeness.url, { authorization }, accept)).toBe(owner);
      expect(await callerOverHttp(likeness.url, { authorization, 'X-Likeness-User': 'ada' }, accept)).toBe(endUser);
      expect(await callerOverHttp(likeness.url, {}, accept)).toBe(401);
    }
  });

  test.each<[string, (values: Record<string, string>) => [params: Values, headers?: Record<string, string>]]>([
    ['connection_init', (values) => [values]],
    ['headers within connection_init', (values) => [{ headers: values }]],
    ['the upgrade request', (values) => [{}, values]],
    ['connection_init, which wins over the upgrade request', (values) => [values, { authorization: 'Bearer lk_no' }]],
    [
      'connection_init, with X-Likeness-User in the upgrade request',
      ({ authorization, Authorization = authorization, ...rest }) => [
        { ...(Authorization !== undefined && { Authorization }) },
        rest,
      ],
    ],
  ])('%s, in upper and lower case', async (_where, parametersOf) => {
    const authorization = `bearer ${key}`;
    expect(await callerOverSocket(likeness.url, ...parametersOf({ authorization }))).toBe(owner);
    expect(await callerOverSocket(likeness.url, ...parametersOf({ Authorization: `Bearer ${key}` }))).toBe(owner);
    expect(await callerOverSocket(likeness.url, ...parametersOf({ authorization, 'x-likeness-user': 'ada' }))).toBe(
      endUser,
    );
    expect(await callerOverSocket(likeness.url, ...parametersOf({ authorization, 'X-Likeness-User': 'ada' }))).toBe(
      endUser,
    );
  });

  test.each<[string, Values]>([
    ['no values', {}],
    ['another scheme than Bearer', { authorization: 'Basic bGs6bGs=' }],
    ['an object as authorization', { authorization: { bearer: 'lk_1' } }],
    ['a string as headers', { headers: 'authorization' }],
  ])('connection_init with %s closes with 4403', async (_what, params) => {
    expect(await callerOverSocket(likeness.url, params)).toBe(4403);
  });
});

/** The response to a caller without credentials, for each way to send an operation. */
async function answersWithoutCredentials(server: string) {
  const form = multipartForm('mutation($f: File!) { x(f: $f) }', { f: null }, [
    { path: 'variables.f', name: 'f', content: 'x' },
  ]);
  const requests: Record<string, RequestInit & { search?: string }> = {
    post: {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ __typename }' }),
    },
    introspection: {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ __schema { types { name } } }' }),
    },
    malformed: { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{' },
    get: { search: '?query={__typename}' },
    empty: {},
    stream: { search: '?query=subscription{jobChanged{id}}', headers: { accept: 'text/event-stream' } },
    upload: { method: 'POST', body: form },
    options: { method: 'OPTIONS' },
  };
  const answers: Record<string, string> = {};
  for (const [name, { search = '', ...init }] of Object.entries(requests)) {
    const response = await fetch(`${server}/graphql${search}`, init);
    answers[name] = `${response.status} ${response.headers.get('www-authenticate')}`;
    await response.body?.cancel();
  }
  return { ...answers, socket: await callerOverSocket(server, {}) };
}

const statusOf = async (url: string, accept = '*/*') =>
  (await fetch(url, { headers: { accept }, redirect: 'manual' })).status;

describe('a caller without credentials', () => {
  const openServer = async (env: Record<string, string>) => {
    const likeness = await startLikeness({ env });
    onTestFinished(() => likeness.close());
    return likeness;
  };

  test('is the local admin on loopback with the default settings, and gets GraphiQL', async () => {
    const { url } = await openServer({});
    expect((await gql(url, query)).data).toEqual({ viewer: { id: userId(localViewer.id) } });
    expect(await callerOverSocket(url, {})).toBe(userId(localViewer.id));
    const asAdmin = 'mutation { createApiKey(input: { name: "bot", scopes: [ADMIN] }) { __typename } }';
    expect((await gql(url, asAdmin)).data).toEqual({ createApiKey: { __typename: 'CreateApiKeyPayload' } });
    expect(await statusOf(`${url}/graphql`, 'text/html')).toBe(200);
    expect(await statusOf(`${url}/`, 'text/html')).toBe(302);
    // A key or X-Likeness-User counts on loopback too.
    expect((await gql(url, query, {}, { authorization: 'Bearer lk_no' })).errors?.[0]?.extensions?.['code']).toBe(
      'UNAUTHENTICATED',
    );
    const asAda = await gql(url, query, {}, { 'x-likeness-user': 'ada' });
    expect(asAda.data).not.toEqual({ viewer: { id: userId(localViewer.id) } });
    expect((await gql(url, asAdmin, {}, { 'x-likeness-user': 'ada' })).errors?.[0]?.extensions?.['code']).toBe(
      'FORBIDDEN',
    );
  });

  test.each<[string, Record<string, string>, hasPage: boolean]>([
    ['HOST=0.0.0.0', { HOST: '0.0.0.0' }, true],
    ['NODE_ENV=production', { NODE_ENV: 'production', FAL_MODE: 'simulated' }, false],
    ['production with GraphiQL', { NODE_ENV: 'production', FAL_MODE: 'simulated', GRAPHIQL: 'on' }, true],
  ])('with %s can reach only health, readiness, signed files and the GraphiQL page', async (_name, env, hasPage) => {
    const likeness = await openServer(env);
    const { url, headers } = likeness;
    const answers = await answersWithoutCredentials(url);
    const refused = Object.keys(answers).map((name) => [name, '401 Bearer realm="likeness"']);
    expect(answers).toEqual({ ...Object.fromEntries(refused), socket: 4403 });
    expect(Object.keys(answers)).toHaveLength(9);
    expect((await gql(url, query, {}, headers)).errors).toBeUndefined();

    expect([await statusOf(`${url}/health`), await statusOf(`${url}/ready`)]).toEqual([200, 200]);
    expect((await statusOf(`${url}/graphql`, 'text/html')) === 200).toBe(hasPage);
    expect(await statusOf(`${url}/`, 'text/html')).toBe(hasPage ? 302 : 404);
    expect(await statusOf(`${url}/nothing`)).toBe(404);

    const created = await likeness.gql<{ createAvatar: { id: string } }>(
      'mutation { createAvatar(input: { portrait: { name: "Ada" } }) { ... on PortraitAvatar { id } } }',
    );
    const addPhotos =
      'mutation($input: AddPhotosInput!) { addPhotos(input: $input) { ... on AddPhotosPayload { verdicts { photo { url } } } } }';
    const form = multipartForm(addPhotos, { input: { avatarId: created.data?.createAvatar.id, files: [null] } }, [
      { path: 'variables.input.files.0', name: '01.jpg', content: readFileSync(photoPath('good/01.jpg')) },
    ]);
    const added = await fetch(`${url}/graphql`, { method: 'POST', headers, body: form });
    const photo = new URL(/"url":"([^"]+)"/.exec(await added.text())?.[1] ?? '');
    expect(await statusOf(`${url}${photo.pathname}${photo.search}`)).toBe(200);
    expect(await statusOf(`${url}${photo.pathname}`)).toBe(403);
  });

  test('gets no page with GRAPHIQL=off, on loopback too', async () => {
    const { url } = await openServer({ GRAPHIQL: 'off' });
    expect(await statusOf(`${url}/`, 'text/html')).toBe(404);
    const answer = await fetch(`${url}/graphql`, { headers: { accept: 'text/html' } });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(await answer.text()).not.toContain('<');
    expect((await gql(url, query)).errors).toBeUndefined();
  });

  test('gets a 404 for a page at /graphql with GRAPHIQL=off', async () => {
    const { url } = await openServer({ GRAPHIQL: 'off' });
    expect(await statusOf(`${url}/graphql`, 'text/html')).toBe(404);
  });
});
