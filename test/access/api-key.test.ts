/** API keys through the front door: what is kept of one, what each scope opens, and when one is refused. */
import { createHash } from 'node:crypto';
import { createClient } from 'graphql-ws';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { localViewer } from '../../src/access/session.ts';
import { createApiKey } from '../../src/apikey/commands.ts';
import { type Answer, gql, multipartForm } from '../support/http.ts';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';

let likeness: TestLikeness;
/** The server's clock stands still at it, while there is one. */
let heldAt: Date | undefined;
beforeAll(async () => {
  const env = { PUBLIC_URL: 'https://likeness.example' };
  likeness = await startLikeness({ env, runner: { now: () => heldAt ?? new Date() } });
});
afterEach(() => {
  heldAt = undefined;
});
afterAll(() => likeness.close());

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const newKey = async (scopes: string[], expiresAt?: Date) =>
  await createApiKey(likeness.app, localViewer.id, { name: 'bot', scopes, expiresAt });
const rowOf = async (id: string) => await likeness.app.prisma.apiKey.findUniqueOrThrow({ where: { id } });

/** What came back: `status` is that of HTTP, or the code that a WebSocket was closed with. */
type Outcome = Answer & { status: number; challenge?: string | null };
type Headers = Record<string, string>;

async function post(headers: Headers, body: string | FormData): Promise<Outcome> {
  const response = await fetch(`${likeness.url}/graphql`, { method: 'POST', headers, body });
  const text = await response.text();
  const json = text.startsWith('{') ? text : (/^data: (.+)$/m.exec(text)?.[1] ?? '{}');
  const challenge = response.headers.get('www-authenticate');
  return { status: response.status, challenge, ...(JSON.parse(json) as Answer) };
}

async function overSocket(connectionParams: Headers, query: string): Promise<Outcome> {
  const url = `${likeness.url.replace('http', 'ws')}/graphql`;
  const client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0, connectionParams });
  try {
    const { value } = await client.iterate({ query }).next();
    return { status: 200, ...(value as Answer) };
  } catch (ended) {
    if (Array.isArray(ended)) return { status: 200, errors: ended };
    return { status: (ended as { code: number }).code };
  } finally {
    await client.dispose();
  }
}

const addPhotos =
  'mutation($input: AddPhotosInput!) { addPhotos(input: $input) { __typename ... on Error { message } } }';
const emptyUpload = () =>
  multipartForm(addPhotos, { input: { avatarId: 'none', files: [null] } }, [
    { path: 'variables.input.files.0', name: 'a.jpg', content: 'x' },
  ]);

const json = { 'content-type': 'application/json' };
const transports: Record<string, (headers: Headers, query: string) => Promise<Outcome>> = {
  HTTP: (headers, query) => post({ ...json, ...headers }, JSON.stringify({ query })),
  'server-sent events': (headers, query) =>
    post({ ...json, accept: 'text/event-stream', ...headers }, JSON.stringify({ query })),
  WebSocket: overSocket,
};

/** Each is about something that there is none of: whoever may ask is told so. */
const operations = {
  READ: ['{ viewer { id } }', 'subscription { jobEvents(jobId: "none") { sequence } }'],
  WRITE: ['mutation { deleteAvatar(avatarId: "none") { __typename } }'],
  ADMIN: [
    'mutation { revokeApiKey(apiKeyId: "none") { __typename } }',
    'mutation { setUserLimits(input: { userId: "none", weight: 2 }) { __typename } }',
    '{ users { edges { node { id } } } }',
  ],
};
const isForbidden = ({ errors }: Outcome) => {
  const code = errors?.[0]?.extensions?.['code'];
  expect([undefined, 'NOT_FOUND', 'FORBIDDEN']).toContain(code);
  return code === 'FORBIDDEN';
};

describe('what is kept of a key', () => {
  test('its hash and its last four characters: the key is in no table and no line of the log', async () => {
    const created = await likeness.gql<{ createApiKey: { key: string; apiKey: { hint: string } } }>(
      'mutation { createApiKey(input: { name: "bot", scopes: [READ] }) { ... on CreateApiKeyPayload { key apiKey { hint } } } }',
    );
    const { key = '', apiKey } = created.data?.createApiKey ?? {};
    expect(key).toMatch(/^lk_[\w-]{43}$/);
    expect(apiKey?.hint).toBe(key.slice(-4));
    await gql(likeness.url, '{ viewer { id } }', {}, bearer(key));

    const { prisma } = likeness.app;
    const tables = await prisma.$queryRaw<{ name: string }[]>`
      SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
      WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'`;
    expect(tables.length).toBeGreaterThan(15);
    let everything = '';
    for (const { name } of tables) {
      const rows = await prisma.$queryRawUnsafe<{ row: string }[]>(`SELECT t::text AS row FROM ${name} t`);
      everything += rows.map(({ row }) => row).join('\n');
    }
    expect(everything).toContain(createHash('sha256').update(key).digest('hex'));
    const secret = key.slice(3);
    const spellings = [secret, Buffer.from(secret).toString('hex'), Buffer.from(secret, 'base64url').toString('hex')];
    for (const spelling of spellings) expect(everything.includes(spelling)).toBe(false);
    expect(likeness.logged.join('')).not.toContain(secret);
  });

  test('no field of the API tells more than that', async () => {
    const { data } = await likeness.gql<{ __type: { fields: { name: string }[] } }>(
      '{ __type(name: "ApiKey") { fields { name } } }',
    );
    const shown = ['createdAt', 'expiresAt', 'hint', 'id', 'lastUsedAt', 'name', 'revokedAt', 'scopes'];
    expect(data?.__type.fields.map(({ name }) => name).sort()).toEqual(shown);
  });
});

describe('a scope opens what it says, and nothing else', () => {
  test.each([
    [['READ'], ['READ']],
    [['WRITE'], ['READ', 'WRITE']],
    [['ADMIN'], ['READ', 'WRITE', 'ADMIN']],
    [['ACT_AS'], []],
    [['READ', 'ACT_AS'], ['READ']],
  ])('%j opens %j', async (scopes, opened) => {
    const headers = bearer((await newKey(scopes)).key);
    for (const [transport, send] of Object.entries(transports)) {
      for (const [scope, queries] of Object.entries(operations)) {
        for (const query of queries) {
          const answer = await send(headers, query);
          expect([transport, query, answer.status, isForbidden(answer)]).toEqual([
            transport,
            query,
            200,
            !opened.includes(scope),
          ]);
        }
      }
    }
    expect(isForbidden(await post(headers, emptyUpload()))).toBe(!opened.includes('WRITE'));
  });

  test('ACT_AS alone names somebody, and may do nothing for them', async () => {
    const { key } = await newKey(['ACT_AS']);
    const answer = await post(
      { ...json, ...bearer(key), 'x-likeness-user': 'ada' },
      JSON.stringify({ query: '{ viewer { id } }' }),
    );
    expect([answer.status, isForbidden(answer)]).toEqual([200, true]);
  });
});

describe('a key is refused', () => {
  /** By each transport, whether it was refused as it should be, and with which words. */
  const refusals = async (key: string) => {
    const uploading = await post(bearer(key), emptyUpload());
    const seen = [['upload', uploading.status, uploading.errors?.[0]?.message]];
    for (const [transport, send] of Object.entries(transports)) {
      const { status, errors } = await send(bearer(key), '{ viewer { id } }');
      seen.push([transport, status, errors?.[0]?.message]);
    }
    return seen;
  };
  const refused = (why: RegExp) => [
    ['upload', 401, expect.stringMatching(why)],
    ['HTTP', 401, expect.stringMatching(why)],
    ['server-sent events', 401, expect.stringMatching(why)],
    ['WebSocket', 4403, undefined],
  ];

  test('when there is none such', async () => {
    const { key } = await newKey(['READ']);
    for (const other of [`lk_${'A'.repeat(43)}`, `${key}=`, key.slice(0, -1), key.toUpperCase().replace('LK', 'lk')]) {
      expect(await refusals(other)).toEqual(refused(/no such/));
    }
    const { challenge, errors } = await post({ ...json, ...bearer('lk_none') }, '{}');
    expect(challenge).toBe(
      'Bearer realm="likeness", error="invalid_token", error_description="There is no such API key."',
    );
    expect(errors?.[0]?.extensions).toEqual({ code: 'UNAUTHENTICATED' });
  });

  test('at once when it was revoked, and when it was revoked twice', async () => {
    const { key, apiKey } = await newKey(['ADMIN']);
    expect((await gql(likeness.url, '{ viewer { id } }', {}, bearer(key))).errors).toBeUndefined();
    const revoke = `mutation { revokeApiKey(apiKeyId: "${Buffer.from(`ApiKey:${apiKey.id}`).toString('base64')}") { ... on ApiKey { revokedAt } } }`;
    const first = await likeness.gql(revoke);
    expect(await refusals(key)).toEqual(refused(/revoked/));
    expect(first.data).toHaveProperty('revokeApiKey.revokedAt', expect.any(String));
    expect(await likeness.gql(revoke)).toEqual(first);
  });

  test('from the moment on at which it expires', async () => {
    heldAt = new Date();
    const expiresAt = new Date(heldAt.getTime() + 60_000);
    const { key } = await newKey(['READ'], expiresAt);
    heldAt = new Date(expiresAt.getTime() - 1);
    expect((await gql(likeness.url, '{ viewer { id } }', {}, bearer(key))).errors).toBeUndefined();
    heldAt = expiresAt;
    expect(await refusals(key)).toEqual(refused(/expired/));
  });

  test.each([
    'Basic bGs6bGs=',
    'Bearer',
    'Bearer two words',
    'lk_without-a-scheme',
    `Bearer ${'x'.repeat(8193)}`,
  ])('in an Authorization that is no Bearer: %.30s', async (authorization) => {
    const { status, errors } = await post({ ...json, authorization }, JSON.stringify({ query: '{ __typename }' }));
    expect([status, errors?.[0]?.message]).toEqual([401, expect.stringMatching(/must be `Bearer`/)]);
  });
});

test('its last use is known within a minute, and written once a minute', async () => {
  const start = new Date('2031-03-01T12:00:00.000Z');
  heldAt = start;
  const { key, apiKey } = await newKey(['READ']);
  expect((await rowOf(apiKey.id)).lastUsedAt).toBeNull();
  const seenAfterUseAt = async (ms: number) => {
    heldAt = new Date(start.getTime() + ms);
    const uses = Array.from({ length: 5 }, () => gql(likeness.url, '{ viewer { id } }', {}, bearer(key)));
    for (const { errors } of await Promise.all(uses)) expect(errors).toBeUndefined();
    return ((await rowOf(apiKey.id)).lastUsedAt?.getTime() ?? 0) - start.getTime();
  };
  const seen = [];
  for (const ms of [0, 30_000, 60_000, 60_001, 100_000, 120_002]) seen.push(await seenAfterUseAt(ms));
  expect(seen).toEqual([0, 0, 0, 60_001, 60_001, 120_002]);
});
