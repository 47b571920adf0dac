/** The same operations over every transport: the same results, errors, limits, log lines, metrics and spans. */
import { ProxyTracerProvider, type Tracer, trace } from '@opentelemetry/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openWorld, type World } from '../world.ts';
import { compare, type Operation, type Records, type Result, traceOf, transportsOf } from './transports.ts';

/** The names of the spans that were started. */
const spans: string[] = [];
const noop = new ProxyTracerProvider().getTracer('noop');
const recorder = {
  getTracer: (): Tracer => ({
    startSpan(name) {
      spans.push(name);
      return noop.startSpan(name);
    },
    startActiveSpan: noop.startActiveSpan.bind(noop),
  }),
};

const operationsPerMinute = 5;
const refused: string[] = [];
let world: World;

beforeAll(async () => {
  trace.setGlobalTracerProvider(recorder);
  world = await openWorld({
    hasIntrospection: false,
    limits: { documentDepth: 6, documentCost: 12, documentAliases: 4, documentDirectives: 4, operationsPerMinute },
    metrics: { onRequest: () => undefined, onRefused: (limit) => refused.push(limit) },
    createContext: ({ headers }) => {
      const owner = String(headers['x-owner']);
      const session = {
        ownerId: owner,
        isLimited: true,
        mayIntrospect: owner.startsWith('admin'),
        authorizationKey: owner,
        onEnd: () => () => undefined,
      };
      return { caller: 'somebody', session };
    },
  });
});
afterAll(async () => {
  trace.disable();
  await world.close();
});
const { queries: forQueries, mutations: forMutations, streams } = transportsOf(() => world.url);
const records: Records = {
  lines: () => world.lines,
  refused: () => refused,
  spans: () => spans,
  clear: () => {
    spans.length = refused.length = world.lines.length = 0;
  },
};

const repeated = (count: number, text: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => text(n)).join(' ');
const deep = (levels: number) => `{ ${'nested { '.repeat(levels)} name ${'} '.repeat(levels)} }`;
const named = 'query A { hello } query B { caller }';
const skipping =
  'query($yes: Boolean!) { hello @include(if: $yes) caller @skip(if: $yes) ...F @include(if: $yes) } fragment F on Query { nested { name } }';
const everyType = `query($int: Int, $float: Float, $id: ID, $flag: Boolean, $colour: Colour, $ints: [Int!], $point: Point) {
  echo(int: $int, float: $float, id: $id, flag: $flag, colour: $colour, ints: $ints, point: $point)
}`;
const queries: [what: string, operation: Operation][] = [
  ['a field', { query: '{ hello }' }],
  ['the typename', { query: '{ __typename }' }],
  ['a named operation', { query: 'query Hello { hello }' }],
  ['the first of two', { query: named, operationName: 'A' }],
  ['the second of two', { query: named, operationName: 'B' }],
  ['neither of two', { query: named }],
  ['one that is not there', { query: named, operationName: 'C' }],
  ['no operation', { query: 'fragment F on Query { hello }' }],
  ['aliases', { query: '{ a: hello b: hello(name: "b") }' }],
  ['a fragment', { query: '{ ...F } fragment F on Query { hello nested { name } }' }],
  ['an inline fragment', { query: '{ ... on Query { hello } }' }],
  ['@skip and @include, true', { query: skipping, variables: { yes: true } }],
  ['@skip and @include, false', { query: skipping, variables: { yes: false } }],
  ['a variable', { query: 'query($n: String) { hello(name: $n) }', variables: { n: 'variable' } }],
  ['a variable that is left out', { query: 'query($n: String) { hello(name: $n) }' }],
  ['a default value', { query: 'query($n: String = "default") { hello(name: $n) }' }],
  ['a variable of null', { query: 'query($n: String) { hello(name: $n) }', variables: { n: null } }],
  ['a number for a string', { query: 'query($n: String) { hello(name: $n) }', variables: { n: 1 } }],
  ['a variable that the document does not use', { query: 'query($n: [String!]) { hello }' }],
  ['a required variable', { query: 'query($n: Int!) { bytes(count: $n) }', variables: { n: 3 } }],
  ['a required variable that is missing', { query: 'query($n: Int!) { bytes(count: $n) }' }],
  ['a required variable of null', { query: 'query($n: Int!) { bytes(count: $n) }', variables: { n: null } }],
  ['a fraction for an integer', { query: 'query($n: Int!) { bytes(count: $n) }', variables: { n: 1.5 } }],
  ['an undeclared variable', { query: '{ hello(name: $n) }' }],
  ['a variable more', { query: '{ hello }', variables: { more: 1 } }],
  ['a syntax error', { query: '{ hello' }],
  ['an empty document', { query: '' }],
  ['too many tokens', { query: `{ ${'hello '.repeat(2_000)} }` }],
  ['an unknown field', { query: '{ helo }' }],
  ['an unknown argument', { query: '{ hello(nam: "x") }' }],
  ['an unknown fragment', { query: '{ ...Missing }' }],
  ['a value of a wrong type', { query: '{ bytes(count: "x") }' }],
  ['a value of a wrong type, at length', { query: `{ bytes(count: "${'x'.repeat(3_000)}") }` }],
  ['as deep as allowed', { query: deep(5) }],
  ['too deep', { query: deep(6) }],
  ['too deep by a fragment', { query: `{ nested { ...F } } fragment F on Nested ${deep(5)}` }],
  ['as many aliases as allowed', { query: `{ ${repeated(4, (n) => `a${n}: hello`)} }` }],
  ['too many aliases', { query: `{ ${repeated(5, (n) => `a${n}: hello`)} }` }],
  ['too many directives', { query: `{ hello ${'@include(if: true) '.repeat(5)} }` }],
  ['as costly as allowed', { query: `{ ${'__typename hello '.repeat(6)} }` }],
  ['too costly', { query: `{ ${'__typename hello '.repeat(7)} }` }],
  [
    'too costly, with variables',
    { query: `query($n: String) { ${'hello(name: $n) '.repeat(13)} }`, variables: { n: 'x' } },
  ],
  ['introspection', { query: '{ __schema { queryType { name } } }' }],
  ['introspection of a type', { query: '{ __type(name: "Query") { name } }' }],
  ['an unexpected error', { query: 'query Boom { boom }' }],
  ['an unexpected error beside data', { query: '{ hello boom other: boom }' }],
  ['an unexpected error below an alias', { query: '{ renamed: boom }' }],
  ['an unexpected error in a nested field', { query: '{ nested { name boom } }' }],
  [
    'an unexpected error in a nested field that may not be null',
    { query: '{ hello nested { nested { mustNotBoom } } }' },
  ],
  ['an unexpected error in each row of a list', { query: '{ rows { name boom } }' }],
  ['null for a field that may not be null', { query: '{ hello absent }' }],
  ['null for a nested field that may not be null', { query: '{ hello nested { absent } }' }],
  ['lists in lists', { query: '{ rows { name } }' }],
  ['a fragment in a fragment', { query: '{ ...A } fragment A on Query { ...B } fragment B on Query { hello }' }],
  ['a fragment that spreads itself', { query: '{ ...A } fragment A on Query { ...A }' }],
  ['the same fragment twice', { query: '{ nested { ...F nested { ...F } } } fragment F on Nested { name }' }],
  ['the same field twice', { query: '{ nested { name } nested { nested { name } } }' }],
  ['two fields of one name', { query: '{ hello hello(name: "other") }' }],
  ['a union', { query: '{ either(isSaved: true) { __typename ... on Saved { fileName } ... on Nested { name } } }' }],
  ['the other type of a union', { query: '{ either(isSaved: false) { __typename ... on Nested { name } } }' }],
  ['a field of a union', { query: '{ either(isSaved: true) { fileName } }' }],
  ['a selection that is missing', { query: '{ nested }' }],
  ['a selection of a text', { query: '{ hello { length } }' }],
  [
    'literals of each type',
    { query: `{ echo(int: 1, float: 1, id: 7, flag: true, colour: RED, ints: 3, point: { x: 1 }) }` },
  ],
  [
    'variables of each type',
    {
      query: everyType,
      variables: { int: 1, float: 1.5, id: 7, flag: false, colour: 'RED', ints: 3, point: { x: 1 } },
    },
  ],
  [
    'null for each type',
    {
      query: everyType,
      variables: { int: null, float: null, id: null, flag: null, colour: null, ints: null, point: null },
    },
  ],
  ['no variable of any type', { query: everyType, variables: {} }],
  ['null for the variables', { query: everyType, variables: null as never }],
  ...Object.entries<unknown[]>({
    int: ['1', 1.5, 2 ** 31, true, [1, 2], {}],
    float: ['1', true, []],
    id: [1.5, true, {}],
    flag: ['true', 0, 1],
    colour: ['BLUE', 'red', 0, true],
    ints: ['1', [1, null], [[1]]],
    point: [1, [], {}, { x: null }, { x: 1, z: 1 }, { x: '1' }],
  }).flatMap(([name, values]) =>
    values.map((value): [string, Operation] => [
      `${name}: ${JSON.stringify(value)}`,
      { query: everyType, variables: { [name]: value } },
    ]),
  ),
  ...[
    'int: "1"',
    'int: 1.5',
    'int: 3000000000',
    'float: "1"',
    'id: true',
    'colour: "RED"',
    'colour: BLUE',
    'ints: [null]',
    'point: {}',
    'point: { x: 1, z: 1 }',
  ].map((literal): [string, Operation] => [`the literal ${literal}`, { query: `{ echo(${literal}) }` }]),
  [
    'a variable of another type than its argument',
    { query: 'query($n: String) { bytes(count: $n) }', variables: { n: '1' } },
  ],
  ['a variable of an unknown type', { query: 'query($n: Nothing) { hello(name: $n) }' }],
  ['a variable of an output type', { query: 'query($n: Nested) { hello(name: $n) }' }],
  ['an unknown directive', { query: '{ hello @nothing }' }],
  ['@skip without its argument', { query: '{ hello @skip }' }],
  ['everything skipped', { query: '{ hello @skip(if: true) }' }],
  ['comments only', { query: '# nothing' }],
  ['white space only', { query: ' \n\t' }],
  ['type definitions', { query: 'type Query { hello: String }' }],
  ['a query and type definitions', { query: '{ hello } type More { hello: String }' }],
  ['a single operation under another name', { query: 'query A { hello }', operationName: 'B' }],
  ['a single operation without a name under a name', { query: '{ hello }', operationName: 'A' }],
  ['two operations of one name', { query: 'query A { hello } query A { caller }', operationName: 'A' }],
  ['two operations, one without a name', { query: '{ hello } query A { caller }', operationName: 'A' }],
  ['a query beside a mutation', { query: 'query A { hello } mutation B { count }', operationName: 'A' }],
  ['extensions', { query: '{ hello }', extensions: { persistedQuery: { version: 1, sha256Hash: 'abc' } } }],
  ['extensions that look like a policy', { query: '{ boom }', extensions: { admin: true, trace: 'debug' } }],
  [
    'a text of many languages',
    { query: 'query($n: String) { hello(name: $n) }', variables: { n: 'żółć 🎨 \u2028 \0' } },
  ],
];
const mutations: [what: string, operation: Operation][] = [
  ['a mutation with an error', { query: 'mutation Save { save(file: null) { fileName } }' }],
  [
    'a mutation with a wrong variable',
    { query: 'mutation($f: File!) { save(file: $f) { fileName } }', variables: { f: 1 } },
  ],
  ['a mutation that is too costly', { query: `mutation { ${'count '.repeat(13)} }` }],
  ['a mutation of nothing', { query: 'mutation { __typename }' }],
  ['an unknown mutation', { query: 'mutation { nothing }' }],
  ['a mutation beside a query', { query: 'query A { hello } mutation B { __typename }', operationName: 'B' }],
  ['a mutation that may be either', { query: 'query A { hello } mutation B { __typename }' }],
];
const subscriptions: [what: string, operation: Operation][] = [
  ['a subscription', { query: 'subscription { countTo(last: 3) }' }],
  ['a named subscription', { query: 'subscription Count { countTo(last: 1) }' }],
  ['a subscription with a variable', { query: 'subscription($n: Int!) { countTo(last: $n) }', variables: { n: 2 } }],
  ['an alias in a subscription', { query: 'subscription { n: countTo(last: 2) }' }],
  ['a subscription without events', { query: 'subscription { countTo(last: 0) }' }],
  [
    'a subscription with a wrong variable',
    { query: 'subscription($n: Int!) { countTo(last: $n) }', variables: { n: 'x' } },
  ],
  ['a subscription that is refused', { query: 'subscription Missing { missing }' }],
  ['a subscription that fails', { query: 'subscription { boomAfter(values: 1) }' }],
  ['a subscriber that is too slow', { query: 'subscription { tooSlow }' }],
  ['two fields in a subscription', { query: 'subscription { missing tooSlow }' }],
  ['the typename of a subscription', { query: 'subscription { __typename }' }],
  ['a subscription that is too costly', { query: `subscription { ${'countTo(last: 1) '.repeat(13)} }` }],
  [
    'a subscription beside a query',
    { query: 'query A { hello } subscription B { countTo(last: 1) }', operationName: 'B' },
  ],
  ['a subscription of an unknown field', { query: 'subscription { nothing }' }],
];

let owners = 0;
/** An owner who has sent nothing yet, so that no limit per minute is reached. */
const newOwner = () => ({ 'x-owner': `owner ${(owners += 1)}` });

describe('every transport gives the same', () => {
  test.each(queries)('query: %s', async (_what, operation) => {
    expect((await compare(records, forQueries, operation, newOwner)).lines).toHaveLength(1);
  });
  test.each(mutations)('mutation: %s', async (_what, operation) => {
    expect((await compare(records, forMutations, operation, newOwner)).lines).toHaveLength(1);
  });
  test.each(subscriptions)('subscription: %s', async (_what, operation) => {
    expect((await compare(records, streams, operation, newOwner)).lines).toHaveLength(1);
  });
});

describe('and it is what the policies say', () => {
  const codeOf = async (query: string) =>
    (await compare(records, forQueries, { query }, newOwner)).results[0]?.errors?.[0]?.extensions?.code;

  test('the codes', async () => {
    expect(await codeOf('{ hello, }}')).toBe('GRAPHQL_PARSE_FAILED');
    expect(await codeOf(deep(7))).toBe('GRAPHQL_VALIDATION_FAILED');
    expect(await codeOf('{ __schema { description } }')).toBe('GRAPHQL_VALIDATION_FAILED');
    expect(await codeOf(`{ ${'hello '.repeat(13)} }`)).toBe('DOCUMENT_TOO_COSTLY');
    expect(await codeOf('query($n: Int!) { bytes(count: $n) }')).toBe('BAD_USER_INPUT');
    expect(await codeOf('{ boom }')).toBe('INTERNAL_SERVER_ERROR');
  });

  test('a mutation has its span over each transport', async () => {
    const { spans: names } = await compare(records, forMutations, { query: 'mutation { __typename }' }, newOwner);
    expect(names).toEqual(['mutation __typename']);
  });

  test('GET runs no mutation', async () => {
    const mutation = { query: 'mutation { count }' };
    const { results, spans: names } = await traceOf(records, forQueries.GET, mutation, newOwner());
    expect([results[0]?.errors?.[0]?.extensions?.code, names]).toEqual(['BAD_REQUEST', []]);
  });

  test('a caller with the right to introspect may do so over each transport, also after others were refused', async () => {
    const query = '{ __schema { queryType { name } } }';
    for (const send of Object.values(forQueries)) {
      const { results } = await traceOf(records, send, { query }, { 'x-owner': `admin ${(owners += 1)}` });
      expect(results).toEqual([{ data: { __schema: { queryType: { name: 'Query' } } } }]);
    }
  });

  test.each(Object.entries(forQueries))('the limit per owner and minute: %s', async (name, send) => {
    const run = () => traceOf(records, send, { query: '{ hello }' }, { 'x-owner': `greedy ${name}` });
    for (let n = 0; n < operationsPerMinute; n += 1) expect((await run()).refused).toEqual([]);
    const { results, lines, refused: limits } = await run();
    expect(results[0]?.errors).toMatchObject([
      { message: expect.stringMatching(/5 operations a minute/) as string, extensions: { code: 'RATE_LIMITED' } },
    ]);
    expect([lines, limits]).toEqual([[{ level: 40, name: undefined, codes: ['RATE_LIMITED'] }], ['operations']]);
  });

  const bodies = Object.entries(forMutations);
  const codeOrClose = (results: Promise<Result[]>) =>
    results.then(
      ([result]) => result?.errors?.[0]?.extensions?.code,
      (error: Error) => error.message,
    );
  test.each(bodies)('a document over the size of a request does not run: %s', async (name, send) => {
    records.clear();
    const code = await codeOrClose(send({ query: `{ hello } # ${'x'.repeat(1_100_000)}` }, newOwner()));
    expect(code).toBe(name === 'WebSocket' ? 'The server closed the socket with 1009.' : 'REQUEST_TOO_LARGE');
    expect(refused).toEqual(['request_bytes']);
  });

  const malformed: [what: string, operation: object][] = [
    ['a list of variables', { query: '{ boom }', variables: [1] }],
    ['a text for the variables', { query: '{ boom }', variables: '{}' }],
    ['a number for the query', { query: 1 }],
    ['no query', {}],
    ['a text for the extensions', { query: '{ boom }', extensions: 'none' }],
    ['a list of operations', [{ query: '{ boom }' }]],
  ];
  test.each(malformed)('%s is refused as malformed over each transport', async (_what, operation) => {
    for (const [name, send] of bodies) {
      records.clear();
      const code = await codeOrClose(send(operation as Operation, newOwner()));
      expect(code).toBe(name === 'WebSocket' ? 'The server closed the socket with 4400.' : 'BAD_REQUEST');
      expect(world.lines.filter(({ msg, level }) => msg !== 'request' && level === 50)).toEqual([]);
    }
  });
});
