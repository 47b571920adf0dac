/** A database of a test file's own: empty, migrated, in memory. */
import { readFileSync } from 'node:fs';
import { PGlite } from '@electric-sql/pglite';
import { inject } from 'vitest';
import { connect, type EmbeddedDatabase } from '../../src/database/embedded-database.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    databaseImage: string;
    dataFolder: string;
  }
}

export async function openTestDatabase(): Promise<EmbeddedDatabase> {
  const pglite = new PGlite({ loadDataDir: new Blob([readFileSync(inject('databaseImage'))]) });
  await pglite.waitReady;
  return await connect(pglite, () => pglite.close());
}
