/** The database that the settings name: PostgreSQL, which other processes may share, or the embedded one. */
import { fromPglite } from 'pg-boss';
import { openEmbeddedDatabase } from './client.ts';
import { applicationName, openPostgres } from './postgres.ts';

/**
 * `connections` is the most that a PostgreSQL gets from this process; pg-boss takes a quarter of them. `stepQueue` is how
 * pg-boss reaches the same database. Throws DatabaseMisconfigured, DataFolderInUse, DataFolderError.
 */
export async function openDatabase(url: string | undefined, dataDir: string, connections = 4) {
  if (url === undefined) {
    const { prisma, pglite, close } = await openEmbeddedDatabase(dataDir);
    return {
      prisma,
      close,
      isShared: false,
      pool: undefined,
      stepQueue: { db: fromPglite(pglite), backend: 'pglite' as const },
    };
  }
  const queueConnections = Math.floor(connections / 4);
  const { prisma, pool, close } = await openPostgres(url, connections - queueConnections);
  const stepQueue = { connectionString: url, max: queueConnections, application_name: applicationName };
  return { prisma, close, isShared: true, pool, stepQueue };
}
