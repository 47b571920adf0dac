/** The executor gives graphql-js's results to any document, errors included, and calls resolvers with the same arguments. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { array, assert, asyncProperty, nat } from 'fast-check';
import {
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
import { globalId } from '../../support/api.ts';
import { randomDocument } from './random-document.ts';
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

/** Coerces the variables as the pipeline does. Undefined for variables that the pipeline refuses. */
function run(ours: Execute, args: ExecutionArgs) {
  const { schema: of, document, operationName, variableValues, contextValue, rootValue } = args;
  const operation = getOperationAST(document, operationName);
  if (!operation) throw new Error('The document has no such operation.');
  const { coerced } = getVariableValues(of, operation.variableDefinitions ?? [], variableValues ?? {});
  return coerced && ours({ document, operation, variables: coerced, contextValue, rootValue });
}

/** As a client gets it, with the order of its fields. graphql-js's result has no `data` if the variables are wrong. */
const shown = (result: ExecutionResult | undefined) =>
  result !== undefined && 'data' in result ? JSON.stringify(result) : 'refused';

const isValid = (of: GraphQLSchema, text: string) => validate(of, parse(text)).length === 0;

describe('on a schema where everything goes wrong', () => {
  const ours = createExecutor(wildSchema);

  test('any document, to any values, and what resolvers are told', async () => {
    let ran = 0;
    await assert(
      asyncProperty(numbers, nat(), async (row, wild) => {
        const { text, variableValues } = randomDocument(wildSchema, row, ['1', '2']);
        if (!isValid(wildSchema, text)) return;
        ran += 1;
        const document = parse(text);
        const heard: string[][] = [];
        const { expected, answers } = await both(ours, () => {
          const contextValue: WildContext = { seed: wild, told: [] };
          heard.push(contextValue.told);
          return { schema: wildSchema, document, contextValue, variableValues, rootValue: { root: true } };
        });
        expect(answers).toEqual([expected, expected]);
        expect(heard[1]).toEqual(heard[0]);
        expect(heard[2]).toEqual(heard[0]);
      }),
      { numRuns: 1_500, seed },
    );
    expect(ran).toBeGreaterThan(500);
  });

  test.each<[string, string, Record<string, unknown>]>([
    ['a variable that is not given', 'query($n: Int!) { home { rooms(least: $n) } }', {}],
    ['a variable of null', 'query($n: Int!) { home { rooms(least: $n) } }', { n: null }],
    ['a variable of another type', 'query($n: Int!) { home { rooms(least: $n) } }', { n: 'three' }],
    [
      'a wish with what there is not',
      'query($w: Wish) { home { wished(wish: $w) } }',
      { w: { count: 1, colour: 'red' } },
    ],
    ['a scalar that is not taken', 'query($f: Fussy) { pet { ... on Cat { fussy(like: $f) } } }', { f: 'throw' }],
  ])('%s is refused before execution', (_what, text, variableValues) => {
    const args = { schema: wildSchema, document: parse(text), variableValues, contextValue: { seed: 3, told: [] } };
    expect(execute(args)).not.toHaveProperty('data');
    expect(run(ours, args)).toBeUndefined();
  });

  test('the operation that is named, and its own plan', async () => {
    const document = parse(
      'query A { a: __typename } query B { b: __typename ...F } fragment F on Query { c: __typename }',
    );
    for (const operationName of ['A', 'B', 'A']) {
      const { expected, answers } = await both(ours, () => ({ schema: wildSchema, document, operationName }));
      expect(answers).toEqual([expected, expected]);
    }
  });

  test('variables decide anew what is asked for', async () => {
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

  test('a resolver that changes its arguments changes those of nobody else', async () => {
    const document = parse('{ homes { rooms(least: 1) wished(wish: { count: 1, names: ["a"] }) } }');
    const spoiling = createExecutor(wildSchema);
    const home = wildSchema.getType('Home') as { getFields(): Record<string, { resolve?: unknown }> };
    const { rooms, wished } = home.getFields();
    const before = [rooms?.resolve, wished?.resolve];
    const heard: unknown[] = [];
    const spoil = (_source: unknown, args: { least?: number; wish?: { names: string[] } }) => {
      heard.push(structuredClone(args));
      args.least = 99;
      args.wish?.names.push('b');
      return 1;
    };
    if (rooms) rooms.resolve = spoil;
    if (wished) wished.resolve = spoil;
    try {
      for (let seed = 0; seed < 50; seed += 1) {
        const args = { schema: wildSchema, document, contextValue: { seed, told: [] } };
        await run(spoiling, args);
      }
    } finally {
      if (rooms) rooms.resolve = before[0];
      if (wished) wished.resolve = before[1];
    }
    expect(heard.length).toBeGreaterThan(20);
    expect(JSON.stringify(heard)).not.toContain('99');
    expect(JSON.stringify(heard)).not.toContain('"b"');
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

  test('any document', async () => {
    let ran = 0;
    await assert(
      asyncProperty(numbers, async (row) => {
        const { text, variableValues } = randomDocument(schema, row, ids);
        if (!isValid(schema, text)) return;
        ran += 1;
        const { expected, answers } = await both(ours, argsOf(text, variableValues));
        expect(answers).toEqual([expected, expected]);
      }),
      { numRuns: 300, seed },
    );
    expect(ran).toBeGreaterThan(100);
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

  test('what the schema holds', async () => {
    const { expected, answers } = await both(ours, argsOf(getIntrospectionQuery(), {}));
    expect(answers).toEqual([expected, expected]);
  });

  test('whoever may not read is told so, each time', async () => {
    const document = parse('{ viewer { id } generations { edges { node { id } } } }');
    const contextOf = { viewer: server.owner.viewer, scopes: scopesOf(['ACT_AS']), app: server.app };
    const { expected, answers } = await both(ours, () => ({ schema, document, contextValue: { ...contextOf } }));
    expect(JSON.parse(expected)).toMatchObject({ data: null, errors: [{ extensions: { code: 'FORBIDDEN' } }] });
    expect(answers).toEqual([expected, expected]);
  });
});
