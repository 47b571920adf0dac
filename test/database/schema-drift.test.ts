/** The migrations create the database that schema.prisma describes, so that Prisma's client matches it. */
import { readFileSync } from 'node:fs';
import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { migrate } from '../../src/database/migrate.ts';
import { datamodel, diff, startEngine } from '../support/schema-engine.ts';

const source = readFileSync(new URL('../../prisma/schema.prisma', import.meta.url), 'utf8');

let pglite: PGlite;
// One engine for the whole file: its WebAssembly can be loaded once per process.
let engine: Awaited<ReturnType<typeof startEngine>>;
let migrated: string;

beforeAll(async () => {
  pglite = new PGlite();
  await migrate({
    async run(sql) {
      await pglite.exec(sql);
    },
    query: (sql, values) => pglite.query(sql, values),
  });
  await pglite.exec('DROP TABLE _prisma_migrations');
  // schema.prisma cannot express partial indexes; test/avatar/constraints.test.ts tests them.
  const { rows } = await pglite.query<{ name: string }>(
    `SELECT indexrelid::regclass::text AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE i.indpred IS NOT NULL AND c.relnamespace = 'public'::regnamespace`,
  );
  for (const { name } of rows) await pglite.exec(`DROP INDEX ${name}`);
  engine = await startEngine(pglite);
  const bare = /datasource db \{[^}]*\}/.exec(source)?.[0] ?? '';
  const { schema } = await engine.introspect({
    schema: { files: [{ path: 'schema.prisma', content: bare }] },
    baseDirectoryPath: '.',
    force: true,
    compositeTypeDepth: 0,
    namespaces: null,
  });
  migrated = schema.files[0]?.content ?? '';
});
afterAll(() => pglite.close());

const statements = (sql: string) => sql.split('\n').filter((line) => line !== '' && !line.startsWith('--'));

it('the migrated database matches schema.prisma', async () => {
  expect(migrated).toContain('model Avatar {');
  expect(statements(await diff(engine, datamodel(migrated), datamodel()))).toEqual([]);
  expect(statements(await diff(engine, datamodel(), datamodel(migrated)))).toEqual([]);
});

it.each([
  ['a column', /^ {2}triggerWord .*\n/m, ''],
  ['the nullability of a column', 'triggerWord          String?', 'triggerWord String'],
  ['a type', 'lastSequence   Int ', 'lastSequence   BigInt '],
  ['an index', '@@index([retryOfId])', ''],
  ['the action on delete', 'onDelete: Cascade', 'onDelete: Restrict'],
  ['a value of an enum', '  LOW_CONTRAST\n', ''],
])('this test would detect a difference in %s', async (_what, from, to) => {
  const changed = source.replace(from, to);
  expect(changed).not.toBe(source);
  expect(statements(await diff(engine, datamodel(migrated), datamodel(changed)))).not.toEqual([]);
});
