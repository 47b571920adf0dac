/**
 * Migrates a database to this version at start-up, without the Prisma CLI. First it applies the migrations in order, each in
 * its own transaction, and records them as the CLI does, so that `prisma migrate status` and `deploy` work. Then it replaces
 * the functions, all in one transaction. Every transaction holds the same advisory lock.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { failpoint } from '../runtime/failpoint.ts';

/** One connection. `run` executes several statements; `query` executes one, with values. */
export type SqlSession = {
  run(sql: string): Promise<void>;
  query(sql: string, values: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
};

export const migrationsFolder = join(import.meta.dirname, '../../prisma/migrations');
export const functionsFolder = join(import.meta.dirname, '../../prisma/functions');

/** An arbitrary number. It must be the same in every version of Likeness. */
const advisoryLock = 7_305_822_514;

/** The Prisma CLI's table, with the same columns. */
const bookkeeping = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL,
  checksum VARCHAR(64) NOT NULL,
  finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL,
  logs TEXT,
  rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  applied_steps_count INTEGER NOT NULL DEFAULT 0
)`;

/**
 * Applies the missing migrations and returns their names; a second run applies none. Then replaces every function from its
 * file, so a changed file takes effect at the next start. While servers of two versions run, both call the newer body.
 * A function whose parameters or result change therefore gets a new name, and the old one stays for the older servers.
 */
export async function migrate(
  session: SqlSession,
  folders: { migrations: string; functions?: string } = { migrations: migrationsFolder, functions: functionsFolder },
): Promise<string[]> {
  const applied: string[] = [];
  const names = readdirSync(folders.migrations, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
  await transaction(session, () => session.run(bookkeeping));
  for (const name of names) {
    const sql = readFileSync(join(folders.migrations, name, 'migration.sql'), 'utf8');
    const checksum = createHash('sha256').update(sql).digest('hex');
    await transaction(session, async () => {
      const { rows } = await session.query(
        'SELECT checksum FROM _prisma_migrations WHERE migration_name = $1 AND rolled_back_at IS NULL',
        [name],
      );
      const recorded = rows[0]?.['checksum'];
      if (recorded === checksum) return;
      if (recorded !== undefined) {
        throw new Error(
          `Migration ${name} was changed after this database had applied it. Restore prisma/migrations from the release.`,
        );
      }
      await session.run(sql);
      await session.query(
        `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
         VALUES ($1, $2, $3, now(), now(), 1)`,
        [randomUUID(), checksum, name],
      );
      await failpoint('boot.migrating');
      applied.push(name);
    });
  }
  if (folders.functions !== undefined) {
    const functions = readFunctions(folders.functions);
    await transaction(session, () => session.run(functions));
  }
  return applied;
}

/** Each file is one CREATE OR REPLACE FUNCTION. */
const readFunctions = (folder: string) =>
  readdirSync(folder)
    .sort()
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n');

async function transaction(session: SqlSession, work: () => Promise<void>): Promise<void> {
  await session.run(`BEGIN; SELECT pg_advisory_xact_lock(${advisoryLock})`);
  try {
    await work();
    await session.run('COMMIT');
  } catch (error) {
    await session.run('ROLLBACK');
    throw error;
  }
}
