/**
 * Copies an embedded database into a PostgreSQL: every table of ours, in one transaction, which commits only when the rows
 * of both are the same. Steps are not copied: the server schedules them again when it starts.
 */
import type { PGlite } from '@electric-sql/pglite';
import type { Client } from 'pg';

/** Nothing was copied. The message says all that the user needs. */
export class MigrationFailed extends Error {}

export type CopiedTables = { table: string; rows: number }[];

/** Tables that are not copied: the target's own record of migrations, and the counters of rate limits. */
const excluded = ['_prisma_migrations', 'RateLimit'];
const rowsAtOnce = 500;

/** Both databases have the newest migrations, and no other process uses them. Throws MigrationFailed when the target has data. */
export async function migrateInto(source: PGlite, target: Client): Promise<CopiedTables> {
  const tables = await tablesInOrder(target);
  const quoted = tables.map((table) => `"${table}"`);
  await target.query('BEGIN');
  try {
    await target.query(`LOCK TABLE ${quoted.join(', ')} IN ACCESS EXCLUSIVE MODE`);
    await assertUnused(target);
    // Replaces the rows that a first start creates.
    await target.query(`TRUNCATE ${quoted.join(', ')}`);
    // Without triggers: they would add every ledger entry to the balances again.
    for (const table of quoted) await target.query(`ALTER TABLE ${table} DISABLE TRIGGER USER`);
    const copied: CopiedTables = [];
    for (const table of tables) copied.push({ table, rows: await copy(source, target, table) });
    for (const table of quoted) await target.query(`ALTER TABLE ${table} ENABLE TRIGGER USER`);
    for (const { table } of copied) {
      const [before, after] = [await digestOf(source, table), await digestOf(target, table)];
      if (before !== after)
        throw new MigrationFailed(`The rows of ${table} differ after the copy. Nothing was copied.`);
    }
    await target.query('COMMIT');
    return copied;
  } catch (error) {
    await target.query('ROLLBACK');
    throw error;
  }
}

/** Each after those that its foreign keys lead to. */
async function tablesInOrder(target: Client): Promise<string[]> {
  const { rows } = await target.query<{ table: string; needs: string[] }>(`
    SELECT t.relname AS table, coalesce(array_agg(f.relname::text) FILTER (WHERE f.oid IS NOT NULL), '{}') AS needs
    FROM pg_class t
    LEFT JOIN pg_constraint c ON c.conrelid = t.oid AND c.contype = 'f' AND c.confrelid <> t.oid
    LEFT JOIN pg_class f ON f.oid = c.confrelid
    WHERE t.relkind = 'r' AND t.relnamespace = current_schema()::regnamespace
    GROUP BY t.relname ORDER BY t.relname`);
  const waiting = new Map(
    rows.filter(({ table }) => !excluded.includes(table)).map(({ table, needs }) => [table, needs]),
  );
  const order: string[] = [];
  while (waiting.size > 0) {
    const next = [...waiting].find(([, needs]) => needs.every((need) => order.includes(need)));
    if (next === undefined) throw new Error(`Tables that need each other: ${[...waiting.keys()].join(', ')}.`);
    order.push(next[0]);
    waiting.delete(next[0]);
  }
  return order;
}

async function assertUnused(target: Client): Promise<void> {
  const { rows } = await target.query<{ used: boolean }>(`
    SELECT EXISTS (SELECT FROM "Avatar") OR EXISTS (SELECT FROM "Job") OR EXISTS (SELECT FROM "ApiKey")
      OR EXISTS (SELECT FROM "LedgerEntry") AS used`);
  if (rows[0]?.used === true) throw new MigrationFailed('The target database already has data. Nothing was copied.');
}

/** As JSON, which PostgreSQL itself writes and reads: no value goes through a type of JavaScript's. */
async function copy(source: PGlite, target: Client, table: string): Promise<number> {
  const { rows: keys } = await source.query<{ column: string }>(
    `SELECT a.attname AS column FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
     WHERE i.indrelid = $1::regclass AND i.indisprimary ORDER BY a.attnum`,
    [`"${table}"`],
  );
  // A job that is a retry comes after the one that it is of: ids grow.
  const order = keys.map(({ column }) => `"${column}"`).join(', ');
  for (let done = 0; ; done += rowsAtOnce) {
    const { rows } = await source.query<{ page: string | null; count: number }>(
      `SELECT jsonb_agg(page)::text AS page, count(*)::int AS count
       FROM (SELECT * FROM "${table}" ORDER BY ${order} LIMIT ${rowsAtOnce} OFFSET ${done}) page`,
    );
    const { page = null, count = 0 } = rows[0] ?? {};
    if (page !== null) {
      await target.query(`INSERT INTO "${table}" SELECT * FROM jsonb_populate_recordset(NULL::"${table}", $1::jsonb)`, [
        page,
      ]);
    }
    if (count < rowsAtOnce) return done + count;
  }
}

type Queryable = { query(sql: string): Promise<{ rows: unknown[] }> };

/** Equal for the same rows in any order. */
async function digestOf(database: Queryable, table: string): Promise<string> {
  const { rows } = await database.query(
    `SELECT count(*) || ':' || coalesce(sum(hashtextextended(to_jsonb(t)::text, 0)), 0) AS digest FROM "${table}" t`,
  );
  return (rows[0] as { digest: string }).digest;
}
