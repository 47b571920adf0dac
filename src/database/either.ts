/** The database that the settings name: PostgreSQL, which other processes may share, or the embedded one. */
import { fromPglite } from 'pg-boss';
import { openDatabase } from './client.ts';
import { openPostgres } from './postgres.ts';

/** `forSteps` is what pg-boss needs to work in the same database. Throws DatabaseUnusable, DataFolderInUse, DataFolderUnusable. */
export async function openEither(url: string | undefined, dataDir: string) {
  if (url === undefined) {
    const { prisma, pglite, close } = await openDatabase(dataDir);
    return {
      prisma,
      close,
      isShared: false,
      pool: undefined,
      forSteps: { db: fromPglite(pglite), backend: 'pglite' as const },
    };
  }
  const { prisma, pool, close } = await openPostgres(url);
  return { prisma, close, isShared: true, pool, forSteps: { connectionString: url, max: 4 } };
}
