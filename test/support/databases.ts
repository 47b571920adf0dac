/** The databases that a whole server is tested on: the embedded one always, and a PostgreSQL when one can be reached. */
import { expect, it } from 'vitest';
import { newDataFolder } from './likeness.ts';
import { isPostgresReachable, openEmptyPostgres, postgresAt } from './sql.ts';

export type ServerDatabase = {
  /** DATA_DIR, and DATABASE_URL where there is one. */
  env: Record<string, string>;
  /** After every server on it has ended. */
  remove(): Promise<void>;
};

const embedded = async (): Promise<ServerDatabase> => {
  const { dataDir, remove } = newDataFolder();
  return { env: { DATA_DIR: dataDir }, remove: async () => remove() };
};

export const onPostgres = async (): Promise<ServerDatabase> => {
  const { dataDir, remove } = newDataFolder();
  const postgres = await openEmptyPostgres();
  return {
    env: { DATA_DIR: dataDir, DATABASE_URL: postgres.url },
    async remove() {
      await postgres.close();
      remove();
    },
  };
};

const isReachable = await isPostgresReachable();

export const databases: [string, () => Promise<ServerDatabase>][] = [
  ['PGlite', embedded],
  ...(isReachable ? [['PostgreSQL', onPostgres] as [string, typeof onPostgres]] : []),
];

/** To be called once in a file that runs on `databases`: says by name what does not run there. */
export function tellSkipped(): void {
  it.for(isReachable ? [] : [postgresAt])('is skipped on PostgreSQL, which cannot be reached at %s', (_at, context) => {
    context.skip();
    expect.fail('A skipped test goes no further.');
  });
}
