/** Compares the columns that a step may write in the code and in the database. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddedDatabase } from '../../src/database/embedded-database.ts';
import { writtenColumns } from '../../src/job/columns.ts';
import { openTestDatabase } from '../support/database.ts';

let database: EmbeddedDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(async () => {
  await database.close();
});

test('write_job writes every column that a step may write, and no other', async () => {
  const [written] = await database.prisma.$queryRaw<{ body: string }[]>`
    SELECT pg_get_functiondef('write_job'::regproc) AS body`;
  const columns = [...(written?.body ?? '').matchAll(/"(\w+)" = held\."(\w+)"/g)];
  for (const [, column, from] of columns) expect(from).toBe(column);
  expect(columns).toHaveLength(writtenColumns.length);
  expect(new Set(columns.map(([, column]) => column))).toEqual(new Set(writtenColumns));
});
