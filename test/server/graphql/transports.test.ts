/** The same operations over every transport: the same results, errors, limits, log lines, metrics and spans. */
import { once } from 'node:events';
import { ProxyTracerProvider, type Tracer, trace } from '@opentelemetry/api';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { openWorld, type World } from '../world.ts';

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

type Operation = { query: string; variables?: Record<string, unknown>; operationName?: string };
type Result = { data?: unknown; errors?: { message: string; path?: unknown; extensions?: { code?: string } }[] };
type Send = (operation: Operation, owner: string) => Promise<Result[]>;

const operationsPerMinute = 5;
const refused: string[] = [];
let world: World;

beforeAll(async () => {
  trace.setGlobalTracerProvider(recorder);
  world = await openWorld({
    hasIntrospection: false,
    limits: { documentDepth: 6, documentCost: 12, documentAliases: 4, documentDirectives: 4, operationsPerMinute },
    metrics: { onRequest: () => undefined, onRefused: (limit) => refused.push(limit) },
    createContext: ({ headers, connectionParams }) => {
      const owner = String(headers['x-owner'] ?? connectionParams['owner']);
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
beforeEach(() => {
  spans.length = 0;
  refused.length = 0;
  world.lines.length = 0;
});

const json = { 'content-type': 'application/json' };
const events = { accept: 'text/event-stream' };

/** The results in a body of JSON or server-sent events. */
async function read(response: Response): Promise<Result[]> {
  const text = await response.text();
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return [JSON.parse(text) as Result];
  expect(text).toMatch(/event: complete\ndata:\n\n$/);
  return [...text.matchAll(/event: next\ndata: (.*)\n/g)].map(([, data = '']) => JSON.parse(data) as Result);
}

const post =
  (headers: Record<string, string>): Send =>
  async (operation, owner) =>
    await read(
      await fetch(`${world.url}/graphql`, {
        method: 'POST',
        headers: { ...json, 'x-owner': owner, ...headers },
        body: JSON.stringify(operation),
      }),
    );

const get =
  (headers: Record<string, string>): Send =>
  async ({ query, variables, operationName }, owner) => {
    const search = new URLSearchParams({ query });
    if (variables !== undefined) search.set('variables', JSON.stringify(variables));
    if (operationName !== undefined) search.set('operationName', operationName);
    return await read(await fetch(`${world.url}/graphql?${search}`, { headers: { 'x-owner': owner, ...headers } }));
  };

const multipart =
  (headers: Record<string, string>): Send =>
  async (operation, owner) => {
    const body = new FormData();
    body.set('operations', JSON.stringify(operation));
    body.set('map', '{}');
    return await read(
      await fetch(`${world.url}/graphql`, { method: 'POST', headers: { 'x-owner': owner, ...headers }, body }),
    );
  };

/** An `error` message counts as a result with those errors. */
const webSocket: Send = async (operation, owner) => {
  const socket = new WebSocket(`${world.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  await once(socket, 'open');
  const results: Result[] = [];
  const over = new Promise<void>((resolve) => {
    socket.on('message', (data: Buffer) => {
      const { type, payload } = JSON.parse(data.toString()) as { type: string; payload: never };
      if (type === 'connection_ack') socket.send(JSON.stringify({ type: 'subscribe', id: '1', payload: operation }));
      if (type === 'next') results.push(payload);
      if (type === 'error') results.push({ errors: payload });
      if (type === 'error' || type === 'complete') resolve();
    });
  });
  socket.send(JSON.stringify({ type: 'connection_init', payload: { owner } }));
  await over;
  socket.terminate();
  return results;
};

const traced = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', 'x-anything': 'else' };
/** The first is the one that the others are compared with. */
const single: Record<string, Send> = {
  'POST as JSON': post({}),
  'POST as JSON with a traceparent': post({ ...traced, accept: 'application/json' }),
  'POST for application/graphql-response+json': post({ accept: 'application/graphql-response+json' }),
  'POST for server-sent events': post(events),
  'POST for server-sent events with a traceparent': post({ ...events, ...traced }),
  multipart: multipart({}),
  GET: get({}),
  'GET for server-sent events': get(events),
  WebSocket: webSocket,
};
const streaming: Record<string, Send> = {
  'POST for server-sent events': post(events),
  'POST for server-sent events that Yoga writes': post({ accept: 'text/event-stream; charset=utf-8' }),
  'POST for anything': post({ accept: '*/*' }),
  'GET for server-sent events': get(events),
  'multipart for server-sent events': multipart(events),
  WebSocket: webSocket,
};

const repeated = (count: number, text: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => text(n)).join(' ');
const deep = (levels: number) => `{ ${'nested { '.repeat(levels)} name ${'} '.repeat(levels)} }`;
const named = 'query A { hello } query B { caller }';
const skipping =
  'query($yes: Boolean!) { hello @include(if: $yes) caller @skip(if: $yes) ...F @include(if: $yes) } fragment F on Query { nested { name } }';
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
  ['a list of one', { query: 'query($n: [String!]) { hello(name: "x") bytes(count: 1) @skip(if: true) }' }],
  ['a required variable', { query: 'query($n: Int!) { bytes(count: $n) }', variables: { n: 3 } }],
  ['a required variable that is missing', { query: 'query($n: Int!) { bytes(count: $n) }' }],
  ['a required variable of null', { query: 'query($n: Int!) { bytes(count: $n) }', variables: { n: null } }],
  ['a fraction for an integer', { query: 'query($n: Int!) { bytes(count: $n) }', variables: { n: 1.5 } }],
  ['a variable that nobody declared', { query: '{ hello(name: $n) }' }],
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
];
const mutations: [what: string, operation: Operation][] = [
  ['a mutation with an error', { query: 'mutation Save { save(file: null) { fileName } }' }],
  [
    'a mutation with a wrong variable',
    { query: 'mutation($f: File!) { save(file: $f) { fileName } }', variables: { f: 1 } },
  ],
  ['a mutation that is too costly', { query: `mutation { ${'count '.repeat(13)} }` }],
  ['a mutation of nothing', { query: 'mutation { __typename }' }],
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
  ['a subscription of an unknown field', { query: 'subscription { nothing }' }],
];

let owners = 0;
/** What an operation leaves behind: its results, its log lines without times, its refusals by limits, and its spans. */
async function traceOf(send: Send, operation: Operation, owner = `owner ${(owners += 1)}`) {
  const results = await send(operation, owner);
  const requests = () => world.lines.filter(({ msg }) => msg === 'request');
  await vi.waitFor(() => expect(requests()).toHaveLength(1), 30_000);
  const lines = requests().map(({ level, operation: name, codes }) => ({ level, name, codes }));
  const failures = world.lines.filter(({ level }) => level === 50).map(({ msg, path }) => ({ msg, path }));
  const left = { results, lines, failures, refused: [...refused], spans: [...spans] };
  world.lines.length = refused.length = spans.length = 0;
  return left;
}

/** Each operation twice: as a new document, and as one that is known. */
async function compare(transports: Record<string, Send>, operation: Operation) {
  const [[, reference], ...others] = Object.entries(transports) as [[string, Send], ...[string, Send][]];
  const expected = await traceOf(reference, operation);
  expect(await traceOf(reference, operation)).toEqual(expected);
  for (const [name, send] of others) {
    for (let time = 0; time < 2; time += 1) {
      expect({ name, ...(await traceOf(send, operation)) }).toEqual({ name, ...expected });
    }
  }
  return expected;
}

const withoutGet = ({ GET: _get, 'GET for server-sent events': _events, ...rest }: Record<string, Send>) => rest;

describe('every transport gives the same', () => {
  test.each(queries)('query: %s', async (_what, operation) => {
    expect((await compare(single, operation)).lines).toHaveLength(1);
  });
  test.each(mutations)('mutation: %s', async (_what, operation) => {
    expect((await compare(withoutGet(single), operation)).lines).toHaveLength(1);
  });
  test.each(subscriptions)('subscription: %s', async (_what, operation) => {
    expect((await compare(streaming, operation)).lines).toHaveLength(1);
  });

  test('there are more than a hundred operations, each document new and known', () => {
    expect(2 * [...queries, ...mutations, ...subscriptions].length).toBeGreaterThan(100);
  });
});

describe('and it is what the policies say', () => {
  const codeOf = async (query: string) => (await compare(single, { query })).results[0]?.errors?.[0]?.extensions?.code;

  test('the codes', async () => {
    expect(await codeOf('{ hello, }}')).toBe('GRAPHQL_PARSE_FAILED');
    expect(await codeOf(deep(7))).toBe('GRAPHQL_VALIDATION_FAILED');
    expect(await codeOf('{ __schema { description } }')).toBe('GRAPHQL_VALIDATION_FAILED');
    expect(await codeOf(`{ ${'hello '.repeat(13)} }`)).toBe('DOCUMENT_TOO_COSTLY');
    expect(await codeOf('query($n: Int!) { bytes(count: $n) }')).toBe('BAD_USER_INPUT');
    expect(await codeOf('{ boom }')).toBe('INTERNAL_SERVER_ERROR');
  });

  test('a mutation has its span over each transport', async () => {
    const { spans: names } = await compare(withoutGet(single), { query: 'mutation { __typename }' });
    expect(names).toEqual(['mutation __typename']);
  });

  test('GET runs no mutation', async () => {
    const { results, spans: names } = await traceOf(get({}), { query: 'mutation { count }' });
    expect([results[0]?.errors?.[0]?.extensions?.code, names]).toEqual(['BAD_REQUEST', []]);
  });

  test('whoever may introspect may over each transport, whatever others sent before', async () => {
    const query = '{ __schema { queryType { name } } }';
    for (const send of Object.values(single)) {
      const { results } = await traceOf(send, { query }, `admin ${(owners += 1)}`);
      expect(results).toEqual([{ data: { __schema: { queryType: { name: 'Query' } } } }]);
    }
  });

  test.each(Object.entries(single))('an owner has so many operations a minute: %s', async (name, send) => {
    for (let n = 0; n < operationsPerMinute; n += 1) {
      expect((await traceOf(send, { query: '{ hello }' }, `greedy ${name}`)).refused).toEqual([]);
    }
    const { results, lines, refused: limits } = await traceOf(send, { query: '{ hello }' }, `greedy ${name}`);
    expect(results[0]?.errors).toMatchObject([
      { message: expect.stringMatching(/5 operations a minute/) as string, extensions: { code: 'RATE_LIMITED' } },
    ]);
    expect([lines, limits]).toEqual([[{ level: 40, name: undefined, codes: ['RATE_LIMITED'] }], ['operations']]);
  });
});
