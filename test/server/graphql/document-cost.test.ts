/** What a document may cost: how it is counted, what is refused, and that no client's own document is. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  getIntrospectionQuery,
  getOperationAST,
  getVariableValues,
  Kind,
  parse,
  print,
  validate,
  visit,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { schema } from '../../../src/app/schema.ts';
import { defaultLimits } from '../../../src/runtime/limits.ts';
import { tourOf } from '../../../src/server/graphiql/tour.ts';
import { costOf } from '../../../src/server/graphql/document-cost.ts';
import { openSocket } from '../../support/http.ts';
import { startLikeness, type TestLikeness } from '../../support/likeness.ts';

const costOfDocument = (text: string, variableValues: Record<string, unknown> = {}, operationName?: string) => {
  const document = parse(text);
  const operation = getOperationAST(document, operationName);
  if (!operation) throw new Error('The document has no such operation.');
  const { coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], variableValues);
  return costOf({ schema, document, operation, variables: coerced ?? {} });
};
const cost = (text: string, variableValues: Record<string, unknown> = {}, operationName?: string) => {
  expect(validate(schema, parse(text))).toEqual([]);
  return costOfDocument(text, variableValues, operationName);
};
const ids = (count: number) => Array.from({ length: count }, (_, n) => `"${n}"`).join(' ');

describe('a document costs', () => {
  test.each<[string, string, number, variables?: Record<string, unknown>]>([
    ['a field', '{ viewer { id } }', 2],
    ['an object, once', '{ viewer { id } server { version limits { maxPhotos } } }', 6],
    ['__typename', '{ __typename }', 1],
    ['a page of the default length', '{ jobs { edges { cursor } } }', 1 + 20 * 2],
    ['a page of `first`', '{ jobs(first: 5) { edges { cursor } } }', 1 + 5 * 2],
    ['a page of `first` in a variable', 'query($n: Int) { jobs(first: $n) { edges { cursor } } }', 1 + 7 * 2, { n: 7 }],
    ['a page of a variable that is not given', 'query($n: Int) { jobs(first: $n) { edges { cursor } } }', 1 + 20 * 2],
    ['a page of null', 'query($n: Int) { jobs(first: $n) { edges { cursor } } }', 1 + 20 * 2, { n: null }],
    ['a page from the back', '{ jobs(last: 5) { edges { cursor } } }', 1 + 5 * 2],
    ['a page of more than there may be', '{ jobs(first: 100000) { edges { cursor } } }', 1 + 100 * 2],
    [
      'a page of none, or fewer',
      '{ a: jobs(first: 0) { edges { cursor } } b: jobs(first: -9) { edges { cursor } } }',
      6,
    ],
    [
      'a page of a page',
      '{ avatars(first: 3) { edges { node { ... on AvatarProfile { photos(first: 4) { edges { cursor } } } } } } }',
      1 + 3 * (2 + (1 + 4 * 2)),
    ],
    ['the same under other names, each', '{ a: viewer { id } b: viewer { id } }', 4],
    ['a skipped field counts too', '{ viewer @skip(if: true) { id } }', 2],
    ['nodes, for each id', `{ nodes(ids: [${ids(6)}]) { id } }`, 1 + 6],
    ['nodes of a variable', 'query($ids: [ID!]!) { nodes(ids: $ids) { id } }', 1 + 3, { ids: ['a', 'b', 'c'] }],
    [
      'a page of each node',
      `{ nodes(ids: [${ids(3)}]) { ... on User { apiKeys(first: 2) { edges { cursor } } } } }`,
      1 + 3 * (1 + 2 * 2),
    ],
    [
      'each type of a union',
      '{ avatars(first: 2) { edges { node { __typename ... on PortraitAvatar { id } ... on StyleAvatar { id name } } } } }',
      1 + 2 * (2 + 4),
    ],
    [
      'a fragment, each time that it is spread',
      '{ a: viewer { ...U } b: viewer { ...U } } fragment U on User { id weight }',
      6,
    ],
    [
      'a fragment with a page',
      '{ ...Q } fragment Q on Query { jobs(first: 3) { ...P } } fragment P on JobConnection { edges { cursor } }',
      7,
    ],
    [
      'introspection: its own few fields',
      '{ __schema { types { name fields { name } } } __type(name: "Job") { name } }',
      2,
    ],
    ['a mutation', 'mutation { deleteAvatar(avatarId: "x") { __typename ... on Error { message } } }', 3],
    ['a subscription', 'subscription { jobChanged { id status } }', 3],
  ])('%s', (_what, text, expected, variables) => {
    expect(cost(text, variables)).toBe(expected);
  });

  test('what the operation that is named does, and not the others', () => {
    const text = 'query Small { viewer { id } } query Large { jobs(first: 100) { edges { cursor } } }';
    expect([cost(text, {}, 'Small'), cost(text, {}, 'Large')]).toEqual([2, 201]);
  });

  test.each([
    ['a page', 'query($n: Int = 100) { jobs(first: $n) { edges { cursor } } }', 1 + 100 * 2],
    ['ids', 'query($ids: [ID!]! = ["a", "b", "c"]) { nodes(ids: $ids) { id } }', 1 + 3],
  ])('%s of a variable that has a default', (_what, text, expected) => {
    expect(cost(text)).toBe(expected);
  });
});

describe('what clients send stays under the limits', () => {
  /** Every page as long as it may be. */
  const worst = (text: string) =>
    print(
      visit(parse(text), {
        Argument: ({ name, value }) =>
          name.value === 'first' && value.kind === Kind.VARIABLE
            ? { kind: Kind.ARGUMENT, name, value: { kind: Kind.INT, value: '100' } }
            : undefined,
      }),
    );
  const folder = join(import.meta.dirname, '../../operations');
  const operations = readdirSync(folder).flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    return parse(text).definitions.flatMap((definition) =>
      definition.kind === Kind.OPERATION_DEFINITION ? [{ name: definition.name?.value ?? '', text }] : [],
    );
  });
  const tour = tourOf('http://127.0.0.1:4000').map(({ query }) => ({
    name: /^(?:query|mutation|subscription) (\w+)/m.exec(query)?.[1] ?? '',
    text: query,
  }));
  const all = [...operations, ...tour];

  test('there are some', () => {
    expect(operations.length).toBeGreaterThanOrEqual(20);
    expect(tour.length).toBeGreaterThanOrEqual(8);
  });
  test.each(all)('$name: by less than half, with pages of 100', ({ name, text }) => {
    expect(costOfDocument(worst(text), {}, name)).toBeLessThan(defaultLimits.documentCost / 2);
  });

  describe('at the front door', () => {
    let likeness: TestLikeness;
    beforeAll(async () => {
      likeness = await startLikeness();
    });
    afterAll(() => likeness.close());
    const send = async (query: string, operationName?: string) => {
      const startedAt = performance.now();
      const response = await fetch(`${likeness.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
        body: JSON.stringify({ query, operationName }),
      });
      const text = await response.text();
      return { status: response.status, text, ms: performance.now() - startedAt };
    };
    const limited = /TOO_COSTLY|levels deep|aliases at most|directives at most|\d tokens|introspection depth/i;

    test('none of them is refused for its size, its depth or its cost, nor is introspection', async () => {
      for (const { name, text } of all) {
        expect([name, (await send(text, name)).text]).toEqual([name, expect.not.stringMatching(limited)]);
      }
      const { status, text } = await send(getIntrospectionQuery());
      expect([status, text]).toEqual([200, expect.stringMatching(/^\{"data":\{"__schema"/)]);
    });

    const photos = 'photos(first: 100) { edges { cursor } }';
    const costly = `{ avatars(first: 100) { edges { node { ... on AvatarProfile { generations(first: 100) { edges { node { avatar { ... on AvatarProfile { ${photos} } } } } } } } } } }`;

    test('more is refused before anything of it runs: 400, with what it would cost; over a WebSocket as well', async () => {
      const { status, text } = await send(costly);
      const extensions = { code: 'DOCUMENT_TOO_COSTLY', cost: cost(costly), limit: defaultLimits.documentCost };
      expect(cost(costly)).toBeGreaterThan(2_000_000);
      expect([status, JSON.parse(text)]).toEqual([400, { errors: [expect.objectContaining({ extensions })] }]);
      const client = openSocket(likeness.url);
      const { value } = await client.iterate({ query: costly }).next();
      expect(value).toMatchObject({ errors: [{ extensions }] });
      expect(value).not.toHaveProperty('data');
      await client.dispose();
    });

    const doubling = (levels: number, spread: string) =>
      `{ ...F0 } ${Array.from({ length: levels }, (_, n) => `fragment F${n} on Query { ${n + 1 === levels ? 'viewer { id }' : spread.replaceAll('#', String(n + 1))} }`).join(' ')}`;
    /** `outer` within itself so often, with `inner` in its midst. */
    const nested = (levels: number, outer: string, inner: string) => {
      const closing = '}'.repeat(outer.split('{').length - 1);
      return `${outer.repeat(levels)} ${inner} ${closing.repeat(levels)}`;
    };
    const pages = 'generations(first: 1) { edges { node { avatar { ... on AvatarProfile { ';

    test.each<[string, string, RegExp]>([
      ['fragments that spread two each, a hundred times', doubling(100, '...F# ...F#'), /DOCUMENT_TOO_COSTLY/],
      ['more than a document has tokens', `{ ${'__typename '.repeat(2_000)} }`, /tokens/],
      ['half a megabyte of braces', `{${nested(150_000, 'a{', 'a')}}`, /tokens/],
      [
        'fields 21 deep',
        `{ node(id: "x") { ... on AvatarProfile { ${nested(4, pages, 'photos { edges { node { id } } }')} } } }`,
        /20 levels deep at most/,
      ],
      [
        'introspection of introspection',
        `{ __schema { types { ${nested(4, 'fields { type { ', 'name')} } } }`,
        /introspection depth/,
      ],
      [
        '31 other names',
        `{ ${Array.from({ length: 31 }, (_, n) => `a${n}: __typename`).join(' ')} }`,
        /30 aliases at most/,
      ],
      ['31 directives', `{ __typename ${'@include(if: true) '.repeat(31)} }`, /30 directives at most/],
    ])('%s: answered at once', async (_what, query, why) => {
      const { status, text, ms } = await send(query);
      expect([status, text]).toEqual([400, expect.stringMatching(why)]);
      expect(ms).toBeLessThan(30_000);
    });
  });
});
