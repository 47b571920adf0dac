/**
 * On a large PostgreSQL, no statement that the API's lists or the line of jobs send reads a large table from end to end, or rows of it
 * in vain: each is caught as it is sent, and PostgreSQL says how it would run it.
 */
import { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { onPostgres, type ServerDatabase, tellSkipped } from '../support/databases.ts';
import { fillStatements } from '../support/fill.ts';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';
import { isPostgresReachable } from '../support/sql.ts';
import { type Statement, statementsOf } from '../support/statements.ts';

/** Tables of fewer rows may be read whole: that is the quickest way. No statement may look at more rows in vain. */
const large = 5_000;

const isReachable = await isPostgresReachable();
let database: ServerDatabase | undefined;
let client: Client;
let server: TestLikeness;
let largeTables: Set<string>;
let ids: { avatar: string; generation: string; cursor: string };

beforeAll(async () => {
  if (!isReachable) return;
  database = await onPostgres();
  server = await startLikeness({ env: database.env, dataDir: database.env['DATA_DIR'] ?? '', manual: true });
  client = new Client({ connectionString: database.env['DATABASE_URL'] });
  await client.connect();
  for (const sql of fillStatements({ generations: 100_000, ofViewer: 50_000, imagesEach: 1 })) await client.query(sql);
  const { rows } = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND reltuples > $1`,
    [large],
  );
  largeTables = new Set(rows.map(({ name }) => name));
  const { data } = await server.gql<{
    generations: { edges: { cursor: string; node: { id: string; avatar: { id: string } } }[] };
  }>('{ generations(first: 50) { edges { cursor node { id avatar { ... on AvatarProfile { id } } } } } }');
  const last = data?.generations.edges.at(-1);
  ids = { avatar: last?.node.avatar.id ?? '', generation: last?.node.id ?? '', cursor: last?.cursor ?? '' };
});
afterAll(async () => {
  if (database === undefined) return;
  await client.end();
  await server.close();
  await database.remove();
});

const ask = (query: string) => async () => {
  const { errors } = await server.gql(query, {});
  expect(errors).toBeUndefined();
};
const node = '{ id status prompt cost { price } avatar { ... on AvatarProfile { id name } } images { id url } }';
const withIds = (text: string) =>
  text.replace(/\$(\w+)/g, (_whole, name: keyof typeof ids) => JSON.stringify(ids[name]));

const work: [string, () => Promise<void>][] = [
  ['generations', ask(`{ generations(first: 50) { edges { node ${node} } } }`)],
  [
    'generations after a cursor',
    async () => ask(withIds(`{ generations(after: $cursor) { edges { node ${node} } } }`))(),
  ],
  [
    'generations of an avatar',
    async () => ask(withIds(`{ generations(avatarId: $avatar) { edges { node ${node} } } }`))(),
  ],
  ['generations by their prompt', ask(`{ generations(search: "NUMBER 99") { edges { node ${node} } } }`)],
  ['jobs', ask('{ jobs(first: 50) { edges { node { id status } } } }')],
  ['jobs under way', ask('{ jobs(active: true) { edges { node { id status } } } }')],
  ['jobs that have ended', ask('{ jobs(active: false) { edges { node { id status } } } }')],
  ['avatars', ask('{ avatars(first: 50) { edges { node { ... on AvatarProfile { id name } } } } }')],
  [
    'an avatar’s generations',
    async () =>
      ask(withIds(`{ node(id: $avatar) { ... on AvatarProfile { generations { edges { node ${node} } } } } }`))(),
  ],
  [
    'a generation with its events',
    async () =>
      ask(
        withIds(
          `{ node(id: $generation) { ... on Generation { id images { id } events { edges { node { sequence } } } } } }`,
        ),
      )(),
  ],
  ['the ledger', ask('{ viewer { ledger(first: 50) { edges { node { id } } } } }')],
  [
    'a job’s whole life, from its start through the line to its end',
    async () => {
      const { data } = await server.gql<{ startGeneration: { __typename: string } }>(
        `mutation ($id: ID!) { startGeneration(input: { avatarId: $id, prompt: "a fox" }) { __typename } }`,
        { id: ids.avatar },
      );
      expect(data?.startGeneration.__typename).toBe('Generation');
      while ((await server.worker.tick()) > 0);
    },
  ],
  ['the worker’s sweep', () => server.worker.sweep()],
  [
    'looking again for what no nudge told of',
    async () => {
      const stream = server.app.events.followOwner('00000000-0000-4000-8000-000000000001');
      await server.app.events.reread();
      await stream.return?.();
    },
  ],
];

it.skipIf(!isReachable)('the tables are large', () => {
  expect([...largeTables].toSorted()).toEqual(['GeneratedImage', 'Job', 'JobEvent']);
});

it.for(isReachable ? work : [])('%s', async ([, run]) => {
  const sent = await statementsOf(run);
  expect(sent.length).toBeGreaterThan(0);
  const whole = await Promise.all(sent.map(readWhole));
  expect(whole.flat()).toEqual([]);
});

tellSkipped();

type Plan = {
  'Node Type': string;
  'Relation Name'?: string;
  'Rows Removed by Filter'?: number;
  'Actual Loops'?: number;
  Plans?: Plan[];
};

/** The large tables that a statement reads from end to end, or many of whose rows it looks at in vain, each with the statement. */
async function readWhole({ text, values }: Statement): Promise<string[]> {
  if (!/^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b/i.test(text)) return [];
  // What changes nothing is run as well, to count rows.
  const isRead = /^\s*SELECT\b/i.test(text);
  const explain = `EXPLAIN (FORMAT JSON${isRead ? ', ANALYZE' : ''}) ${text}`;
  const { rows } = await client.query<{ 'QUERY PLAN': { Plan: Plan }[] }>(explain, values);
  const found: string[] = [];
  const look = (plan: Plan) => {
    const name = plan['Relation Name'];
    const inVain = (plan['Rows Removed by Filter'] ?? 0) * (plan['Actual Loops'] ?? 1);
    const isWhole = plan['Node Type'] === 'Seq Scan' || inVain > large;
    if (isWhole && name !== undefined && largeTables.has(name)) found.push(`${name}: ${text}`);
    for (const below of plan.Plans ?? []) look(below);
  };
  for (const { Plan: plan } of rows[0]?.['QUERY PLAN'] ?? []) look(plan);
  return found;
}
