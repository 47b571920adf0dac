/**
 * Documents that are small to send and expensive to run. test/server/http/http.test.ts tests the limits of tokens and depth
 * and the rejection of batches on a small schema; here they run against the real schema, with a valid key.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';
import { alive, attack, codeOf, failuresOf, guarded, newKey, openReady, operation } from './attack.ts';

let likeness: TestLikeness;
let user: Awaited<ReturnType<typeof newKey>>;

beforeAll(async () => {
  likeness = await startLikeness({ manual: true, env: guarded });
  user = await newKey(likeness);
  // The first request pays for what the server initializes once.
  await ask('{ viewer { id } }');
});
afterAll(() => likeness.close());

const ask = (query: string, variables: Record<string, unknown> = {}) => attack(user, { query, variables });
const times = (count: number, write: (index: number) => string) =>
  Array.from({ length: count }, (_, i) => write(i)).join(' ');
/** A page of avatars, each with a page of generations, each with a page of events. */
const pages = (args: string, variables = '') =>
  `query ${variables} { avatars${args} { edges { node { ... on AvatarProfile { generations${args} { edges { node {
    id events${args.replace('last', 'first')} { edges { cursor } } } } } } } } } }`;
const deep = (levels: number) =>
  `{ generations(first: 1) { ${times(levels, () => 'edges { node { avatar { ... on AvatarProfile { generations(first: 1) {')}
    pageInfo { hasNextPage } ${times(levels, () => '} } } } }')} } }`;

describe('the server rejects before execution', () => {
  const tooCostly = 'DOCUMENT_TOO_COSTLY';
  const invalid = 'GRAPHQL_VALIDATION_FAILED';
  const ids = Array.from({ length: 1_900 }, () => 'x');
  const ofNodes = (variables: string) =>
    `query (${variables}) { nodes(ids: $ids) { ... on AvatarProfile { photos(first: 100) { edges { cursor } } } } }`;

  test.each<[what: string, query: string, code: string, message: RegExp, variables?: Record<string, unknown>]>([
    ['22 levels of fields', deep(5), invalid, /20 levels deep/],
    ['31 aliases', `{ ${times(31, (i) => `a${i}: viewer { id }`)} }`, invalid, /30 aliases/],
    ['31 aliases of __typename', `{ ${times(31, (i) => `a${i}: __typename`)} }`, invalid, /30 aliases/],
    [
      '31 aliases, spread over fragments',
      `{ ${times(4, (i) => `...F${i}`)} } ${times(4, (i) => `fragment F${i} on Query { ${times(8, (j) => `a${i}${j}: __typename`)} }`)}`,
      invalid,
      /30 aliases/,
    ],
    ['31 directives', `{ ${times(31, () => '__typename @include(if: true)')} }`, invalid, /30 directives/],
    ['2,001 tokens', `{ ${times(1_999, () => '__typename')} }`, 'GRAPHQL_PARSE_FAILED', /2000 tokens/],
    ['nested pages, sized by literals', pages('(first: 100)'), tooCostly, /2040301 fields/],
    ['nested pages, sized by a variable', pages('(first: $n)', '($n: Int)'), tooCostly, /2040301 fields/, { n: 100 }],
    ['nested pages, read with "last"', pages('(last: 100)'), tooCostly, /2040301 fields/],
    [
      'nested pages under 30 aliases',
      `{ ${times(30, (i) => `a${i}: avatars(first: 100) { edges { node { ... on AvatarProfile { photos { edges { cursor } } } } } }`)} }`,
      tooCostly,
      /fields/,
    ],
    ['1,900 nodes with a page each', ofNodes('$ids: [ID!]!'), tooCostly, /381901 fields/, { ids }],
    ['a fragment that spreads itself', '{ ...A } fragment A on Query { ...A }', invalid, /within itself/],
    [
      'a cycle of fragments',
      '{ ...A } fragment A on Query { ...B } fragment B on Query { ...C } fragment C on Query { ...A }',
      invalid,
      /within itself/,
    ],
  ])('%s', async (_what, query, code, message, variables) => {
    const found = await ask(query, variables);
    expect([found.data, codeOf(found)]).toEqual([undefined, code]);
    expect(found.errors?.[0]?.message).toMatch(message);
    expect(found.cpuMs).toBeLessThan(1_000);
  });

  test('but not documents just within the limits', async () => {
    for (const query of [
      deep(3),
      `{ ${times(30, (i) => `a${i}: __typename`)} }`,
      `{ ${times(30, () => '__typename @include(if: true)')} }`,
      `{ nodes(ids: [${times(1_980, () => '"x"')}]) { id } }`,
      pages('(first: 20)'),
    ]) {
      expect((await ask(query)).errors).toBe(undefined);
    }
  });

  test('the same over a WebSocket, as an error of that operation', async () => {
    const { send, receive } = await openReady(likeness.url, user.headers['authorization'] ?? '');
    send(operation('1', pages('(first: $n)', '($n: Int)'), { n: 100 }));
    expect(await receive(({ id }) => id === '1')).toMatchObject({
      payload: { errors: [{ extensions: { code: tooCostly } }] },
    });
    send(operation('2', `{ ${times(31, (i) => `a${i}: __typename`)} }`));
    expect(await receive(({ id }) => id === '2')).toMatchObject({
      type: 'error',
      payload: [{ extensions: { code: invalid } }],
    });
  });

  test.each([
    ['nested pages, sized by the default of a variable', pages('(first: $n)', '($n: Int = 100)')],
    ['1,900 nodes, by the default of a variable', ofNodes(`$ids: [ID!]! = ${JSON.stringify(ids)}`)],
  ])('%s', async (_what, query) => {
    expect(codeOf(await ask(query))).toBe(tooCostly);
  });
});

describe('takes less than a second of CPU', () => {
  const last = 120;
  const bombs: [what: string, query: string][] = [
    [
      'fragments that spread the next one twice',
      `{ viewer { ...F0 } } ${times(last, (i) => `fragment F${i} on User { id ...F${i + 1} ...F${i + 1} }`)} fragment F${last} on User { id }`,
    ],
    [
      'fragments that spread the next two',
      `{ viewer { ...F0 } } ${times(last, (i) => `fragment F${i} on User { ...F${i + 1} ...F${Math.min(i + 2, last)} }`)} fragment F${last} on User { id }`,
    ],
    [
      'fragments in fields of fragments, twice each',
      `{ generations(first: 1) { ...F0 } } ${times(
        5,
        (i) => `fragment F${i} on GenerationConnection { edges { node { avatar { ... on AvatarProfile {
        generations(first: 1) { ...F${i + 1} } b${i}: generations(first: 1) { ...F${i + 1} } } } } } }`,
      )} fragment F5 on GenerationConnection { pageInfo { hasNextPage } }`,
    ],
    [
      '30 fragments, each spread by all before it',
      `{ viewer { ...F0 } } ${times(30, (i) => `fragment F${i} on User { id ${times(30 - i, (j) => `...F${i + j + 1}`)} }`)} fragment F30 on User { id }`,
    ],
    ['a field with subfields 480 times', `{ ${times(480, () => 'viewer { id }')} }`],
    ['a field 1,990 times', `{ ${times(1_990, () => '__typename')} }`],
    ['300 conflicting fields', `{ viewer { ${times(30, (i) => `a${i}: id`)} ${times(300, () => 'a0: createdAt')} } }`],
    ['600 nested lists', `{ node(id: ${'['.repeat(600)}${']'.repeat(600)}) { id } }`],
    ['480 undefined variables', `{ viewer { id @include(if: $a) } ${times(480, (i) => `node(id: $v${i}) { id }`)} }`],
  ];
  test.each(bombs)('%s', async (_what, query) => {
    const { cpuMs, status, text } = await ask(query);
    expect(cpuMs).toBeLessThan(1_000);
    expect(status).toBeLessThan(500);
    expect(text.length).toBeLessThan(200_000);
    expect(await alive(likeness)).toBe(true);
  });

  test('introspection with aliases at every level', async () => {
    const all = (what: string) => times(5, (i) => `a${i}: ${what}`);
    const query = `{ __schema { types { ${all('fields { ...B }')} } } }
      fragment B on __Field { ${all('type { ...C }')} }
      fragment C on __Type { ${all('fields { ...D }')} ofType { ...E } }
      fragment E on __Type { ${all('fields { ...D }')} ofType { ${all('fields { ...D }')} } }
      fragment D on __Field { name ${all('type { name }')} }`;
    expect((await ask(query)).text.length).toBeLessThan(1_000_000);
  });
});

test('none of these attacks was logged as an error of the server', () => {
  expect(failuresOf(likeness)).toEqual([]);
});
