/** Hostile variables, operation names and strings, and introspection. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';
import { attack, codeOf, failuresOf, guarded, newKey, openReady, operation, outcomeOf } from './attack.ts';

let likeness: TestLikeness;
let user: Awaited<ReturnType<typeof newKey>>;

beforeAll(async () => {
  likeness = await startLikeness({ manual: true, env: { ...guarded, INTROSPECTION: 'off' } });
  user = await newKey(likeness);
  // The first request pays for what the server initializes once.
  await attack(user, { query: '{ viewer { id } }' });
});
afterAll(() => likeness.close());

const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
const createUser = 'mutation ($input: CreateUserInput!) { createUser(input: $input) { __typename } }';

describe('variables', () => {
  test.each<[what: string, variables: string, status: number]>([
    ['an undeclared variable of a megabyte', JSON.stringify({ pad: 'x'.repeat(1_000_000) }), 200],
    [
      '80,000 undeclared variables',
      JSON.stringify(Object.fromEntries(Array.from({ length: 80_000 }, (_, i) => [i, 1]))),
      200,
    ],
    ['an undeclared variable of 200,000 nested lists', `{"pad":${nested(200_000)}}`, 200],
    ['200,000 nested lists instead of an id', `{"id":${nested(200_000)}}`, 400],
    ['a key `__proto__`', '{"__proto__":{"id":"x"},"id":"x"}', 200],
    ['a key `constructor`', '{"constructor":{"prototype":{"polluted":true}},"id":"x"}', 200],
  ])('%s: takes less than a second of CPU', async (_what, variables, status) => {
    const document = 'query ($id: ID) { generations(avatarId: $id) { edges { cursor } } }';
    const found = await attack(user, `{"query":"${document}","variables":${variables}}`);
    expect(found.status).toBe(status);
    expect(found.cpuMs).toBeLessThan(1_000);
    expect(found.text.length).toBeLessThan(2_000);
  });

  test.each([
    '__proto__',
    'constructor',
    'prototype',
    'hasOwnProperty',
    'toString',
  ])('an input with the key %s is rejected and pollutes no prototype', async (key) => {
    const input = `{"externalId":"x","${key}":{"polluted":true}}`;
    const found = await attack(likeness, `{"query":${JSON.stringify(createUser)},"variables":{"input":${input}}}`);
    expect(found.status).toBe(400);
    expect(found.errors?.[0]?.message).toContain(`"${key}" is not defined`);
    expect(({} as { polluted?: unknown }).polluted).toBe(undefined);
    expect(await likeness.app.prisma.user.count({ where: { externalId: 'x' } })).toBe(0);
  });

  test('a query in `__proto__` does not count', async () => {
    const found = await attack(user, '{"__proto__":{"query":"{ viewer { id } }"}}');
    expect([found.status, found.data]).toEqual([400, undefined]);
    expect(found.errors?.[0]?.message).toContain('"__proto__"');
  });

  test.each([
    '__proto__',
    'constructor',
    'toString',
    'then',
    'toJSON',
  ])('the operation name %s is not special', async (name) => {
    const document = `query ${name} { ${name}: viewer { ${name}: id } }`;
    const found = await attack(user, { query: document, operationName: name });
    expect(found.text).toMatch(new RegExp(`^\\{"data":\\{"${name}":\\{"${name}":"\\w+=*"\\}\\}\\}$`));
    const missing = await attack(user, { query: 'query A { viewer { id } }', operationName: name });
    expect(codeOf(missing)).toBe('OPERATION_RESOLUTION_FAILURE');
  });

  const wrong = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`a${i}`, 1]));
  test.each<[what: string, input: unknown]>([
    ['many wrong fields beside a large one', { externalId: 'x'.repeat(900_000), ...wrong }],
    ['100,000 strings instead of one', { externalId: Array.from({ length: 100_000 }, () => 'x') }],
  ])('the error about an input with %s does not repeat the input', async (_what, input) => {
    const found = await attack(user, { query: createUser, variables: { input } });
    expect(found.text.length).toBeLessThan(100_000);
  });
});

describe('an invalid string', () => {
  const id = (type: string, text: string) => Buffer.from(`${type}:${text}`).toString('base64');
  const user1 = id('User', '00000000-0000-4000-8000-000000000001');
  const edges = '{ edges { cursor } }';
  const texts = ['a\0b', '\uD800', '\u202E'.repeat(100_000)];
  const places: [place: string, query: string, wrap?: (text: string) => string][] = [
    ['a cursor', `query ($v: String) { avatars(after: $v) ${edges} }`],
    ['the content of a cursor', `query ($v: String) { avatars(after: $v) ${edges} }`, (text) => id('GPC:S', text)],
    ['a filter by avatar', `query ($v: ID) { generations(avatarId: $v) ${edges} }`],
    [
      'the content of an id',
      'query ($v: ID!) { node(id: $v) { id } nodes(ids: [$v]) { id } }',
      (text) => id('User', text),
    ],
    ['a search', `query ($v: String) { generations(search: $v) ${edges} }`],
    ['a name', 'mutation ($v: String!) { createAvatar(input: { portrait: { name: $v } }) { __typename } }'],
    ['an external id', 'mutation ($v: String!) { createUser(input: { externalId: $v }) { __typename } }'],
    ['a key’s name', 'mutation ($v: String!) { createApiKey(input: { name: $v, scopes: [READ] }) { __typename } }'],
    [
      'a reason',
      `mutation ($v: String!) { grantCredits(input: { userId: "${user1}", credits: 1, reason: $v }) { __typename } }`,
    ],
  ];
  test.each(places)('as %s causes no server error', async (_place, query, wrap = (text) => text) => {
    for (const text of texts) {
      const found = await attack(likeness, { query, variables: { v: wrap(text) } });
      expect([found.status, codeOf(found)]).not.toContain('INTERNAL_SERVER_ERROR');
      expect(found.status).toBeLessThan(500);
      expect(found.errors ?? []).not.toContainEqual(expect.objectContaining({ message: 'Unexpected error.' }));
    }
  });

  test.each([
    ['a filter by an external id', `query ($v: String) { users(externalId: $v) ${edges} }`],
    [
      'an idempotency key',
      `mutation ($v: String!) { grantCredits(input: { userId: "${user1}", credits: 1, reason: "x", idempotencyKey: $v }) { __typename } }`,
    ],
  ])('as %s causes no server error', async (_place, query) => {
    expect(codeOf(await attack(likeness, { query, variables: { v: 'a\0b' } }))).not.toBe('INTERNAL_SERVER_ERROR');
  });

  test.each(['variables={', 'extensions=['])('in the query string of a GET, as %s, gets 400', async (parameter) => {
    const response = await fetch(`${user.url}/graphql?query={viewer{id}}&${parameter}`, { headers: user.headers });
    expect((await outcomeOf(response)).status).toBe(400);
  });
});

describe('with INTROSPECTION off', () => {
  const whole = getIntrospectionQuery();
  const documents: [what: string, query: string][] = [
    ['__schema', '{ __schema { types { name } } }'],
    ['__type', '{ __type(name: "User") { fields { name } } }'],
    ['an alias', '{ viewer: __schema { types { name } } }'],
    ['a fragment', '{ ...A } fragment A on Query { __schema { types { name } } }'],
    ['an inline fragment', '{ ... on Query { ... { __type(name: "User") { name } } } }'],
    ['the introspection query of tools', whole],
    ['one operation of two', 'query A { viewer { id } } query B { __schema { types { name } } }'],
  ];
  test.each(documents)('a caller who is not an admin cannot read the schema with %s', async (_what, query) => {
    const body = { query, ...(query.includes('query B') && { operationName: 'A' }) };
    const byPost = await attack(user, body);
    const search = new URLSearchParams(body);
    const byGet = await outcomeOf(await fetch(`${user.url}/graphql?${search}`, { headers: user.headers }));
    for (const found of [byPost, byGet]) {
      expect([found.data, codeOf(found)]).toEqual([undefined, 'GRAPHQL_VALIDATION_FAILED']);
      expect(found.text).toContain('introspection has been disabled');
    }
    const { send, receive } = await openReady(user.url, user.headers['authorization'] ?? '');
    send(operation('1', query));
    expect(await receive(({ id }) => id === '1')).toMatchObject({ type: 'error' });
  });

  test('an admin can run a document that was refused to others, and it stays refused to them', async () => {
    const query = '{ __schema { queryType { name } } } # once';
    expect(codeOf(await attack(user, { query }))).toBe('GRAPHQL_VALIDATION_FAILED');
    expect((await attack(likeness, { query })).data).toEqual({ __schema: { queryType: { name: 'Query' } } });
    expect(codeOf(await attack(user, { query }))).toBe('GRAPHQL_VALIDATION_FAILED');
    expect((await attack(likeness, { query: whole })).errors).toBe(undefined);
  });

  test('an admin who acts for another user cannot read the schema', async () => {
    const headers = { ...likeness.headers, 'x-likeness-user': 'somebody' };
    expect(codeOf(await attack({ url: likeness.url, headers }, { query: whole }))).toBe('GRAPHQL_VALIDATION_FAILED');
  });

  test.each([
    ['a field', '{ avatar { id } }'],
    ['an argument', '{ avatars(fist: 1) { edges { cursor } } }'],
    ['a type', '{ node(id: "x") { ... on Users { id } } }'],
    ['a value', '{ avatars(status: READ) { edges { cursor } } }'],
    ['a field of an input', 'mutation { createUser(input: { externalid: "x" }) { __typename } }'],
  ])('the error about a misspelled name of %s suggests nothing', async (_what, query) => {
    const found = await attack(user, { query });
    expect(codeOf(found)).toBe('GRAPHQL_VALIDATION_FAILED');
    expect(found.text).not.toContain('Did you mean');
  });
});

describe('large requests', () => {
  test('sixty documents of a megabyte are not kept in memory', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const query = (index: number) => `{ viewer { id } } # ${index} ${'x'.repeat(1_000_000)}`;
    await attack(user, { query: query(-1) });
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < 60; index += 1) await attack(user, { query: query(index) });
    collect();
    expect((process.memoryUsage().heapUsed - before) / 1_000_000).toBeLessThan(20);
  });

  test('log lines stay short when an operation name is long', async () => {
    await attack(user, { query: 'query A { viewer { id } }', operationName: 'x'.repeat(500_000) });
    expect(Math.max(...likeness.logged.map((line) => line.length))).toBeLessThan(20_000);
  });
});

test('none of these attacks was logged as an error of the server', () => {
  expect(failuresOf(likeness)).toEqual([]);
});
