/** A plan on PostgreSQL takes no lock and writes nothing: it answers while other transactions hold every row it reads. */
import { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { localViewer } from '../../../src/access/session.ts';
import { onPostgres, type ServerDatabase, tellSkipped } from '../../support/databases.ts';
import { globalId } from '../../support/global-id.ts';
import { startLikeness, type TestLikeness } from '../../support/likeness.ts';
import { addAvatar } from '../../support/rows.ts';
import { isPostgresReachable } from '../../support/sql.ts';
import { statementsOf } from '../../support/statements.ts';

const isReachable = await isPostgresReachable();
let database: ServerDatabase | undefined;
let server: TestLikeness;
let other: Client;
let avatarId: string;

beforeAll(async () => {
  if (!isReachable) return;
  database = await onPostgres();
  server = await startLikeness({ env: database.env, dataDir: database.env['DATA_DIR'] ?? '', manual: true });
  other = new Client({ connectionString: database.env['DATABASE_URL'] });
  await other.connect();
  const url = 'https://v3.fal.media/files/lora.safetensors';
  const avatar = await addAvatar(server.app.prisma, localViewer.id, { diffusersLoraFileUrl: url });
  avatarId = globalId('PortraitAvatar', avatar.id);
});
afterAll(async () => {
  if (database === undefined) return;
  await other.end();
  await server.close();
  await database.remove();
});

const plans = {
  planGeneration: { type: 'StartGenerationInput', input: { prompt: 'at sea', idempotencyKey: 'a key' } },
  planTraining: { type: 'StartTrainingInput', input: { datasetUrl: 'https://example.com/photos.zip' } },
} as const;

const plan = async (name: keyof typeof plans) => {
  const { type, input } = plans[name];
  const document = `query($input: ${type}!) { plan: ${name}(input: $input) { __typename ... on Error { message } } }`;
  const { data } = await server.gql<{ plan: { __typename: string } }>(document, { input: { ...input, avatarId } });
  return data?.plan;
};

const names = ['planGeneration', 'planTraining'] as const;
const typeOf = { planGeneration: 'GenerationPlan', planTraining: 'TrainingPlan' };

it.runIf(isReachable).each(names)('%s answers while another transaction holds the rows that it reads', async (name) => {
  await other.query('BEGIN');
  try {
    for (const table of ['User', 'Avatar', 'FalBudget']) await other.query(`SELECT 1 FROM "${table}" FOR UPDATE`);
    expect(await plan(name)).toEqual({ __typename: typeOf[name] });
  } finally {
    await other.query('ROLLBACK');
  }
});

it.runIf(isReachable).each(names)('%s sends only plain SELECT statements, outside a transaction', async (name) => {
  const sent = await statementsOf(async () => expect(await plan(name)).toEqual({ __typename: typeOf[name] }));
  expect(sent.length).toBeGreaterThan(1);
  const others = sent.map(({ text }) => text).filter((text) => !/^\s*SELECT\b/i.test(text) || /\bFOR\b/.test(text));
  expect(others).toEqual([]);
});

tellSkipped();
