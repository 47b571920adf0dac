/** Opens the database that the settings choose: PostgreSQL, which several processes may share, or the embedded one. */
import { fromPglite } from 'pg-boss';
import { openEmbeddedDatabase } from './embedded-database.ts';
import { applicationName, openPostgres } from './postgres.ts';

/**
 * `connections` is the maximum that this process opens to PostgreSQL; pg-boss gets a quarter of them. `stepQueue` is
 * pg-boss's connection to the same database. Throws DatabaseMisconfigured, DataFolderInUse and DataFolderError.
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
