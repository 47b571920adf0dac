/** A PostgreSQL server, which several processes may share. */
import { PrismaPg } from '@prisma/adapter-pg';
import { Client, Pool } from 'pg';
import { PrismaClient } from '../../prisma/generated/client/client.ts';
import type { Database } from './client.ts';
import { migrate } from './migrate.ts';

const minVersion = 15;
/** The time to connect. */
const connectMs = 5_000;

/** The name of our connections in pg_stat_activity. */
export const applicationName = 'likeness';

/** The database of DATABASE_URL cannot be used. The message gives the reason. */
export class DatabaseMisconfigured extends Error {}

/** Opens the database and migrates it to this version. `connections` is the size of the pool. Throws DatabaseMisconfigured. */
export async function openPostgres(
  url: string,
  connections: number,
): Promise<{ prisma: Database; pool: Pool; close(): Promise<void> }> {
  await prepare(url);
  const pool = new Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: connectMs,
    keepAlive: true,
    application_name: applicationName,
  });
  // An idle connection broke. The next statement takes another.
  pool.on('error', () => undefined);
  const prisma = new PrismaClient({
    adapter: new PrismaPg(pool),
    transactionOptions: { maxWait: 15_000, timeout: 30_000 },
  });
  return {
    prisma,
    pool,
    async close() {
      await prisma.$disconnect();
      await pool.end();
    },
  };
}

/** Checks the version and migrates, on a connection of its own. The advisory lock serialises processes that start at once. */
async function prepare(url: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: connectMs });
  // A broken connection also fails the running statement, which reports it.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ version: number }>(
      `SELECT current_setting('server_version_num')::int / 10000 AS version`,
    );
    const version = rows[0]?.version ?? 0;
    if (version < minVersion) {
      throw new Error(`it is PostgreSQL ${version}, but Likeness needs ${minVersion} or newer`);
    }
    await migrate({
      async run(sql) {
        await client.query(sql);
      },
      query: (sql, values) => client.query(sql, values),
    });
  } catch (error) {
    throw new DatabaseMisconfigured(`DATABASE_URL: the database cannot be used (${reasonOf(error)}).`, {
      cause: error,
    });
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** When the connection is refused, node-postgres throws an AggregateError without a message. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
