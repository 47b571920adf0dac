/** API keys over every transport: what the server stores of a key, what each scope allows, and when a key is rejected. */
import { createHash } from 'node:crypto';
import { createClient } from 'graphql-ws';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { localViewer } from '../../src/access/session.ts';
import { createApiKey } from '../../src/apikey/commands.ts';
import { type Answer, gql, multipartForm } from '../support/http.ts';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';

let likeness: TestLikeness;
/** While set, the server's clock stands still at this time. */
let frozenAt: Date | undefined;
beforeAll(async () => {
  const env = { PUBLIC_URL: 'https://likeness.example' };
  likeness = await startLikeness({ env, overrides: { now: () => frozenAt ?? new Date() } });
});
afterEach(() => {
  frozenAt = undefined;
});
afterAll(() => likeness.close());

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const newKey = async (scopes: string[], expiresAt?: Date) =>
  await createApiKey(likeness.app, localViewer.id, { name: 'bot', scopes, expiresAt });
const rowOf = async (id: string) => await likeness.app.prisma.apiKey.findUniqueOrThrow({ where: { id } });

/** `status` is the HTTP status, or the close code of a WebSocket. */
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

/** Operations on things that do not exist: a caller with the scope gets NOT_FOUND or null, others get FORBIDDEN. */
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

describe('the server', () => {
  test('stores the hash and the last four characters of a key; the key itself is in no table and no log line', async () => {
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
    let dump = '';
    for (const { name } of tables) {
      const rows = await prisma.$queryRawUnsafe<{ row: string }[]>(`SELECT t::text AS row FROM ${name} t`);
      dump += rows.map(({ row }) => row).join('\n');
    }
    expect(dump).toContain(createHash('sha256').update(key).digest('hex'));
    const secret = key.slice(3);
    const spellings = [secret, Buffer.from(secret).toString('hex'), Buffer.from(secret, 'base64url').toString('hex')];
    for (const spelling of spellings) expect(dump.includes(spelling)).toBe(false);
    expect(likeness.logged.join('')).not.toContain(secret);
  });

  test('shows no more of a key than that in the API', async () => {
    const { data } = await likeness.gql<{ __type: { fields: { name: string }[] } }>(
      '{ __type(name: "ApiKey") { fields { name } } }',
    );
    const shown = ['createdAt', 'expiresAt', 'hint', 'id', 'lastUsedAt', 'name', 'revokedAt', 'scopes'];
    expect(data?.__type.fields.map(({ name }) => name).sort()).toEqual(shown);
  });
});

describe('scopes', () => {
  test.each([
    [['READ'], ['READ']],
    [['WRITE'], ['READ', 'WRITE']],
    [['ADMIN'], ['READ', 'WRITE', 'ADMIN']],
    [['ACT_AS'], []],
    [['READ', 'ACT_AS'], ['READ']],
  ])('%j allow the operations of %j and no others', async (scopes, allowed) => {
    const headers = bearer((await newKey(scopes)).key);
    for (const [transport, send] of Object.entries(transports)) {
      for (const [scope, queries] of Object.entries(operations)) {
        for (const query of queries) {
          const answer = await send(headers, query);
          expect([transport, query, answer.status, isForbidden(answer)]).toEqual([
            transport,
            query,
            200,
            !allowed.includes(scope),
          ]);
        }
      }
    }
    expect(isForbidden(await post(headers, emptyUpload()))).toBe(!allowed.includes('WRITE'));
  });

  test('ACT_AS alone names a user, but allows nothing for that user', async () => {
    const { key } = await newKey(['ACT_AS']);
    const answer = await post(
      { ...json, ...bearer(key), 'x-likeness-user': 'ada' },
      JSON.stringify({ query: '{ viewer { id } }' }),
    );
    expect([answer.status, isForbidden(answer)]).toEqual([200, true]);
  });
});

describe('a key is rejected', () => {
  /** The status and message of the rejection over each transport. */
  const refusals = async (key: string) => {
    const uploading = await post(bearer(key), emptyUpload());
    const results = [['upload', uploading.status, uploading.errors?.[0]?.message]];
    for (const [transport, send] of Object.entries(transports)) {
      const { status, errors } = await send(bearer(key), '{ viewer { id } }');
      results.push([transport, status, errors?.[0]?.message]);
    }
    return results;
  };
  const refused = (why: RegExp) => [
    ['upload', 401, expect.stringMatching(why)],
    ['HTTP', 401, expect.stringMatching(why)],
    ['server-sent events', 401, expect.stringMatching(why)],
    ['WebSocket', 4403, undefined],
  ];

  test('when it does not exist', async () => {
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

  test('at once when it is revoked, and revoking it again changes nothing', async () => {
    const { key, apiKey } = await newKey(['ADMIN']);
    expect((await gql(likeness.url, '{ viewer { id } }', {}, bearer(key))).errors).toBeUndefined();
    const revoke = `mutation { revokeApiKey(apiKeyId: "${Buffer.from(`ApiKey:${apiKey.id}`).toString('base64')}") { ... on ApiKey { revokedAt } } }`;
    const first = await likeness.gql(revoke);
    expect(await refusals(key)).toEqual(refused(/revoked/));
    expect(first.data).toHaveProperty('revokeApiKey.revokedAt', expect.any(String));
    expect(await likeness.gql(revoke)).toEqual(first);
  });

  test('from the moment when it expires', async () => {
    frozenAt = new Date();
    const expiresAt = new Date(frozenAt.getTime() + 60_000);
    const { key } = await newKey(['READ'], expiresAt);
    frozenAt = new Date(expiresAt.getTime() - 1);
    expect((await gql(likeness.url, '{ viewer { id } }', {}, bearer(key))).errors).toBeUndefined();
    frozenAt = expiresAt;
    expect(await refusals(key)).toEqual(refused(/expired/));
  });

  test.each([
    'Basic bGs6bGs=',
    'Bearer',
    'Bearer two words',
    'lk_without-a-scheme',
    `Bearer ${'x'.repeat(8193)}`,
  ])('when the Authorization header is not a Bearer token: %.30s', async (authorization) => {
    const { status, errors } = await post({ ...json, authorization }, JSON.stringify({ query: '{ __typename }' }));
    expect([status, errors?.[0]?.message]).toEqual([401, expect.stringMatching(/must be `Bearer`/)]);
  });
});

test('lastUsedAt is written at most once a minute', async () => {
  const start = new Date('2031-03-01T12:00:00.000Z');
  frozenAt = start;
  const { key, apiKey } = await newKey(['READ']);
  expect((await rowOf(apiKey.id)).lastUsedAt).toBeNull();
  const lastUseAfterUseAt = async (ms: number) => {
    frozenAt = new Date(start.getTime() + ms);
    const uses = Array.from({ length: 5 }, () => gql(likeness.url, '{ viewer { id } }', {}, bearer(key)));
    for (const { errors } of await Promise.all(uses)) expect(errors).toBeUndefined();
    return ((await rowOf(apiKey.id)).lastUsedAt?.getTime() ?? 0) - start.getTime();
  };
  const lastUses = [];
  for (const ms of [0, 30_000, 60_000, 60_001, 100_000, 120_002]) lastUses.push(await lastUseAfterUseAt(ms));
  expect(lastUses).toEqual([0, 0, 0, 60_001, 60_001, 120_002]);
});
