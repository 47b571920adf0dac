/** `npm run migrate-to-postgres`: copies the embedded database of a data folder into a PostgreSQL. The files stay in the folder. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { Client } from 'pg';
import { InvalidSettings, loadDotEnv, readSettings } from '../app/config.ts';
import { openEmbeddedDatabase } from '../database/embedded-database.ts';
import { DataFolderInUse } from '../database/folder-lock.ts';
import { DataFolderError } from '../database/pglite.ts';
import { DatabaseMisconfigured, openPostgres } from '../database/postgres.ts';
import { MigrationFailed, migrateInto } from './migrate-to-postgres.ts';

const program = new Command('npm run migrate-to-postgres --')
  .description(
    'copies the embedded database of DATA_DIR into an empty PostgreSQL, compares them, and leaves the old one as it is. Stop the server first. Then set DATABASE_URL and start it again.',
  )
  .requiredOption('--to <url>', 'where to, as postgresql://user:password@host/database')
  .action(async ({ to }: { to: string }) => {
    loadDotEnv();
    const { DATA_DIR } = readSettings();
    const dataDir = resolve(DATA_DIR);
    const source = await openEmbeddedDatabase(dataDir);
    try {
      // Brings it to this version.
      await (await openPostgres(to, 1)).close();
      const target = new Client({ connectionString: to });
      await target.connect();
      try {
        await Promise.all([source.pglite.query(inUtc), target.query(inUtc)]);
        for (const { table, rows } of await migrateInto(source.pglite, target)) say(`${table}: ${rows}`);
      } finally {
        await target.end();
      }
    } finally {
      await source.close();
    }
    say(
      `Copied and compared. Set DATABASE_URL and start the server with the same DATA_DIR, where the files stay: ${dataDir}`,
    );
  });

/** Times are compared as texts. */
const inUtc = `SET TIME ZONE 'UTC'`;

const say = (line: string) => void process.stdout.write(`${line}\n`);

function explain(error: unknown): string {
  const forUser = [InvalidSettings, DataFolderInUse, DataFolderError, DatabaseMisconfigured, MigrationFailed];
  if (error instanceof Error && forUser.some((kind) => error instanceof kind)) {
    return error.message.replace('DATABASE_URL:', '--to:');
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`${explain(error)}\n`);
  process.exitCode = 1;
});
