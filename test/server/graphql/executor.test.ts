/** The executor returns what graphql-js returns for any document, errors included, and calls resolvers with the same arguments. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { array, assert, asyncProperty, nat } from 'fast-check';
import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  type GraphQLSchema,
  getIntrospectionQuery,
  getOperationAST,
  getVariableValues,
  Kind,
  OperationTypeNode,
  parse,
  validate,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allScopes, scopesOf } from '../../../src/access/scopes.ts';
import { schema } from '../../../src/app/schema.ts';
import { createExecutor, type Execute } from '../../../src/server/graphql/executor/executor.ts';
import { openTableServer } from '../../access/table-server.ts';
import { globalId } from '../../support/global-id.ts';
import { randomQuery, randomSubscription } from './random-document.ts';
import { type WildContext, wildSchema } from './wild-schema.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const numbers = array(nat({ max: 5040 }), { minLength: 20, maxLength: 400 });

/** Executes each document twice: with a new plan, and with the plan that is known by then. */
async function both(ours: Execute, args: () => ExecutionArgs): Promise<{ expected: string; answers: string[] }> {
  const expected = shown(await execute(args()));
  const answers: string[] = [];
  for (let time = 0; time < 2; time += 1) answers.push(shown(await run(ours, args())));
  return { expected, answers };
}

/** Coerces the variables as the pipeline does. Returns undefined if the pipeline would refuse them. */
function run(ours: Execute, args: ExecutionArgs) {
  const { schema: of, document, operationName, variableValues, contextValue, rootValue } = args;
  const operation = getOperationAST(document, operationName);
  if (!operation) throw new Error('The document has no such operation.');
  const { coerced } = getVariableValues(of, operation.variableDefinitions ?? [], variableValues ?? {});
  return coerced && ours({ document, operation, variables: coerced, contextValue, rootValue });
}

/** The result as JSON, which keeps the order of fields. graphql-js's result has no `data` if the variables are wrong. */
const shown = (result: ExecutionResult | undefined) =>
  result !== undefined && 'data' in result ? JSON.stringify(result) : 'refused';

const isValid = (of: GraphQLSchema, text: string) => validate(of, parse(text)).length === 0;

describe('on a schema where resolvers fail in every way', () => {
  const ours = createExecutor(wildSchema);

  /** Also compares the calls of resolvers, which `resolverCalls` records. */
  async function expectSame(document: DocumentNode, wildSeed: number, args: Partial<ExecutionArgs>) {
    const calls: string[][] = [];
    const { expected, answers } = await both(ours, () => {
      const contextValue: WildContext = { seed: wildSeed, resolverCalls: [] };
      calls.push(contextValue.resolverCalls);
      return { ...args, schema: wildSchema, document, contextValue };
    });
    expect(answers).toEqual([expected, expected]);
    expect(calls[1]).toEqual(calls[0]);
    expect(calls[2]).toEqual(calls[0]);
    return expected;
  }

  test('random queries: the same results and the same calls of resolvers', async () => {
    let ran = 0;
    await assert(
      asyncProperty(numbers, nat(), async (row, wildSeed) => {
        const { text, variableValues } = randomQuery(wildSchema, row, ['1', '2']);
        if (!isValid(wildSchema, text)) return;
        ran += 1;
        await expectSame(parse(text), wildSeed, { variableValues, rootValue: { root: true } });
      }),
      { numRuns: 1_500, seed },
    );
    expect(ran).toBeGreaterThan(500);
  });

  test('random subscriptions: the same results and the same calls of resolvers for each event', async () => {
    const events = [{ kind: 'Cat', seed: 1 }, { kind: new Error('kind'), seed: 'none' }, { seed: null }, null, 7];
    let ran = 0;
    let withData = 0;
    await assert(
      asyncProperty(numbers, nat(), async (row, wildSeed) => {
        const { text, variableValues } = randomSubscription(wildSchema, row, ['1', '2']);
        if (!isValid(wildSchema, text)) return;
        ran += 1;
        const document = parse(text);
        for (const [index, rootValue] of events.entries()) {
          const expected = await expectSame(document, wildSeed + index, { variableValues, rootValue });
          if (expected.startsWith('{"data":{')) withData += 1;
        }
      }),
      { numRuns: 500, seed },
    );
    expect(ran).toBeGreaterThan(200);
    expect(withData).toBeGreaterThan(200);
  });

  test.each<[string, string, Record<string, unknown>]>([
    ['a missing variable', 'query($n: Int!) { home { rooms(least: $n) } }', {}],
    ['a variable of null', 'query($n: Int!) { home { rooms(least: $n) } }', { n: null }],
    ['a variable of another type', 'query($n: Int!) { home { rooms(least: $n) } }', { n: 'three' }],
    [
      'an input object with an unknown field',
      'query($w: Wish) { home { wished(wish: $w) } }',
      { w: { count: 1, colour: 'red' } },
    ],
    ['a value that its scalar rejects', 'query($f: Fussy) { pet { ... on Cat { fussy(like: $f) } } }', { f: 'throw' }],
  ])('%s is refused before execution', (_what, text, variableValues) => {
    const args = {
      schema: wildSchema,
      document: parse(text),
      variableValues,
      contextValue: { seed: 3, resolverCalls: [] },
    };
    expect(execute(args)).not.toHaveProperty('data');
    expect(run(ours, args)).toBeUndefined();
  });

  test('each operation of a document is executed by its own plan', async () => {
    const document = parse(
      'query A { a: __typename } query B { b: __typename ...F } fragment F on Query { c: __typename }',
    );
    for (const operationName of ['A', 'B', 'A']) {
      const { expected, answers } = await both(ours, () => ({ schema: wildSchema, document, operationName }));
      expect(answers).toEqual([expected, expected]);
    }
  });

  test('@skip and @include follow the variables of each execution', async () => {
    const document = parse(
      'query($yes: Boolean!) { a: __typename @include(if: $yes) ...F @skip(if: $yes) } fragment F on Query { b: __typename }',
    );
    for (const yes of [true, false, true]) {
      const { expected, answers } = await both(ours, () => ({
        schema: wildSchema,
        document,
        variableValues: { yes },
      }));
      expect(JSON.parse(expected)).toEqual({ data: { [yes ? 'a' : 'b']: 'Query' } });
      expect(answers).toEqual([expected, expected]);
    }
  });

  test('a resolver that changes its arguments does not change those of the next call', async () => {
    const document = parse('{ homes { rooms(least: 1) wished(wish: { count: 1, names: ["a"] }) } }');
    const spoiling = createExecutor(wildSchema);
    const home = wildSchema.getType('Home') as { getFields(): Record<string, { resolve?: unknown }> };
    const { rooms, wished } = home.getFields();
    const before = [rooms?.resolve, wished?.resolve];
    const calls: unknown[] = [];
    const spoil = (_source: unknown, args: { least?: number; wish?: { names: string[] } }) => {
      calls.push(structuredClone(args));
      args.least = 99;
      args.wish?.names.push('b');
      return 1;
    };
    if (rooms) rooms.resolve = spoil;
    if (wished) wished.resolve = spoil;
    try {
      for (let seed = 0; seed < 50; seed += 1) {
        const args = { schema: wildSchema, document, contextValue: { seed, resolverCalls: [] } };
        await run(spoiling, args);
      }
    } finally {
      if (rooms) rooms.resolve = before[0];
      if (wished) wished.resolve = before[1];
    }
    expect(calls.length).toBeGreaterThan(20);
    expect(JSON.stringify(calls)).not.toContain('99');
    expect(JSON.stringify(calls)).not.toContain('"b"');
  });
});

describe('on the schema of this server, with an owner’s rows', () => {
  const ours = createExecutor(schema);
  let server: Awaited<ReturnType<typeof openTableServer>>;
  let ids: string[];
  beforeAll(async () => {
    server = await openTableServer();
    ids = Object.entries(server.owner.rows).flatMap(([type, rows]) =>
      rows.slice(0, 2).map(({ id }) => globalId(type, id)),
    );
  });
  afterAll(() => server.close());

  const argsOf = (text: string, variableValues: Record<string, unknown>, operationName?: string) => {
    const document = parse(text);
    return () => ({
      schema,
      document,
      variableValues,
      ...(operationName !== undefined && { operationName }),
      contextValue: { viewer: server.owner.viewer, scopes: allScopes, app: server.app },
    });
  };

  test('random queries', async () => {
    let ran = 0;
    await assert(
      asyncProperty(numbers, async (row) => {
        const { text, variableValues } = randomQuery(schema, row, ids);
        if (!isValid(schema, text)) return;
        ran += 1;
        const { expected, answers } = await both(ours, argsOf(text, variableValues));
        expect(answers).toEqual([expected, expected]);
      }),
      { numRuns: 300, seed },
    );
    expect(ran).toBeGreaterThan(100);
  });

  test('random subscriptions, with events of each type', async () => {
    const jobEvents = await server.app.prisma.jobEvent.findMany({ distinct: ['type'] });
    const jobs = await server.app.prisma.job.findMany({ where: { ownerId: server.owner.viewer.id } });
    const events: Record<string, unknown[]> = {
      jobEvents,
      jobChanged: [...jobs.slice(0, 3).map(({ id }) => id), '00000000-0000-4000-8000-000000000000'],
    };
    expect(jobEvents.length).toBeGreaterThan(1);
    expect(jobs.length).toBeGreaterThan(0);
    const ran = new Map<string, number>();
    await assert(
      asyncProperty(numbers, async (row) => {
        const { text, variableValues, fieldName } = randomSubscription(schema, row, ids);
        if (!isValid(schema, text)) return;
        ran.set(fieldName, (ran.get(fieldName) ?? 0) + 1);
        const argsOfEvent = argsOf(text, variableValues);
        for (const rootValue of events[fieldName] ?? []) {
          const { expected, answers } = await both(ours, () => ({ ...argsOfEvent(), rootValue }));
          expect(answers).toEqual([expected, expected]);
        }
      }),
      { numRuns: 60, seed },
    );
    expect(ran.get('jobEvents')).toBeGreaterThan(5);
    expect(ran.get('jobChanged')).toBeGreaterThan(5);
  });

  test('the clients’ own documents', async () => {
    const folder = join(import.meta.dirname, '../../operations');
    for (const name of readdirSync(folder)) {
      const text = readFileSync(join(folder, name), 'utf8');
      for (const definition of parse(text).definitions) {
        if (definition.kind !== Kind.OPERATION_DEFINITION || definition.operation !== OperationTypeNode.QUERY) continue;
        for (const id of ids) {
          const { expected, answers } = await both(ours, argsOf(text, { id, first: 2 }, definition.name?.value));
          expect(answers).toEqual([expected, expected]);
        }
      }
    }
  });

  test('introspection', async () => {
    const { expected, answers } = await both(ours, argsOf(getIntrospectionQuery(), {}));
    expect(answers).toEqual([expected, expected]);
  });

  test('a caller without the scope READ gets FORBIDDEN each time', async () => {
    const document = parse('{ viewer { id } generations { edges { node { id } } } }');
    const contextOf = { viewer: server.owner.viewer, scopes: scopesOf(['ACT_AS']), app: server.app };
    const { expected, answers } = await both(ours, () => ({ schema, document, contextValue: { ...contextOf } }));
    expect(JSON.parse(expected)).toMatchObject({ data: null, errors: [{ extensions: { code: 'FORBIDDEN' } }] });
    expect(answers).toEqual([expected, expected]);
  });
});
