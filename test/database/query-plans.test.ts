/**
 * On a PostgreSQL with large tables, no statement of the API's lists or of the waiting line reads a large table from end to
 * end, or reads many rows that it does not need. The test catches each statement as the server sends it and asks
 * PostgreSQL for its plan. auto_explain adds the plans of the statements inside our SQL functions.
 */
import { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { onPostgres, type ServerDatabase, tellSkipped } from '../support/databases.ts';
import { fillStatements } from '../support/fill.ts';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';
import { isPostgresReachable } from '../support/sql.ts';
import { statementsOf } from '../support/statements.ts';

/** A table of fewer rows may be read whole, which is the quickest way. No statement may read and drop more rows. */
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
  await client.query("LOAD 'auto_explain'");
  const settings = { log_min_duration: '0', log_nested_statements: 'on', log_analyze: 'on', log_format: 'json' };
  for (const [name, value] of Object.entries(settings)) await client.query(`SET auto_explain.${name} = '${value}'`);
  await client.query('SET client_min_messages = log');
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
      await startGeneration();
      while ((await server.worker.tick()) > 0);
    },
  ],
  ['a sweep of the worker', () => server.worker.sweep()],
  [
    'looking for changes whose nudge was lost',
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
  for (const { text, values } of sent) expect(await wholeReads(text, values)).toEqual([]);
});

it.skipIf(!isReachable)('the statements inside admit_waiting, while jobs wait', async () => {
  for (let waiting = 0; waiting < 3; waiting += 1) await startGeneration();
  const admit = `SELECT * FROM admit_waiting(now(), now() - interval '1 minute', 100, 100, NULL)`;
  const nested = await plansOf(admit, []);
  expect(nested.flatMap(({ plan }) => tablesOf(plan))).toEqual(expect.arrayContaining(['Job', 'User', 'FalBudget']));
  expect(nested.length).toBeGreaterThanOrEqual(5);
  expect(await wholeReads(admit, [])).toEqual([]);
  const onlyJob = `SELECT * FROM admit_waiting(now(), now() - interval '1 minute', 100, 100, gen_random_uuid())`;
  expect(await wholeReads(onlyJob, [])).toEqual([]);
});

tellSkipped();

async function startGeneration(): Promise<void> {
  const { data } = await server.gql<{ startGeneration: { __typename: string } }>(
    `mutation ($id: ID!) { startGeneration(input: { avatarId: $id, prompt: "a fox" }) { __typename } }`,
    { id: ids.avatar },
  );
  expect(data?.startGeneration.__typename).toBe('Generation');
}

type Plan = {
  'Node Type': string;
  'Relation Name'?: string;
  'Rows Removed by Filter'?: number;
  'Actual Loops'?: number;
  Plans?: Plan[];
};

/** The plan of a statement, then the plans of the statements in the functions that it calls. Nothing that they write stays. */
async function plansOf(text: string, values: unknown[]): Promise<{ sql: string; plan: Plan }[]> {
  const nested: { sql: string; plan: Plan }[] = [];
  const onNotice = ({ message = '' }: { message?: string | undefined }) => {
    const json = /^duration: .* plan:\n(.*)$/s.exec(message)?.[1];
    if (json === undefined) return;
    const { 'Query Text': sql, Plan: plan } = JSON.parse(json) as { 'Query Text': string; Plan: Plan };
    nested.push({ sql, plan });
  };
  // A read is run as well: that counts rows, and runs the functions that it calls.
  const isRead = /^\s*SELECT\b/i.test(text);
  await client.query('BEGIN');
  client.on('notice', onNotice);
  try {
    const explain = `EXPLAIN (FORMAT JSON${isRead ? ', ANALYZE' : ''}) ${text}`;
    const { rows } = await client.query<{ 'QUERY PLAN': { Plan: Plan }[] }>(explain, values);
    return [...rows.flatMap((row) => row['QUERY PLAN'].map(({ Plan: plan }) => ({ sql: text, plan }))), ...nested];
  } finally {
    client.off('notice', onNotice);
    await client.query('ROLLBACK');
  }
}

/** The large tables that a statement reads whole, or most of whose rows it reads and drops, each with the statement. */
async function wholeReads(text: string, values: unknown[]): Promise<string[]> {
  if (!/^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b/i.test(text)) return [];
  return (await plansOf(text, values)).flatMap(({ sql, plan }) =>
    nodesOf(plan).flatMap((node) => {
      const name = node['Relation Name'];
      const dropped = (node['Rows Removed by Filter'] ?? 0) * (node['Actual Loops'] ?? 1);
      const isWhole = node['Node Type'] === 'Seq Scan' || dropped > large;
      return isWhole && name !== undefined && largeTables.has(name) ? [`${name}: ${sql}`] : [];
    }),
  );
}

const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
const tablesOf = (plan: Plan): string[] => nodesOf(plan).flatMap((node) => node['Relation Name'] ?? []);
