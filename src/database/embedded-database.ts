/** The embedded database: PGlite in the data folder, with the Prisma client connected to it. */
import type { PGlite } from '@electric-sql/pglite';
import { PrismaClient } from '../../prisma/generated/client/client.ts';
import type { Database } from './client.ts';
import { migrate } from './migrate.ts';
import { openPglite } from './pglite.ts';
import { pgliteAdapter } from './pglite-adapter.ts';

export type EmbeddedDatabase = { prisma: Database; pglite: PGlite; close(): Promise<void> };

/** Opens the embedded database of a data folder and migrates it to this version. */
export async function openEmbeddedDatabase(dataDir: string): Promise<EmbeddedDatabase> {
  const embedded = await openPglite(dataDir);
  return connect(embedded.pglite, embedded.close);
}

/** Migrates an open PGlite and connects Prisma to it. `close` is called after Prisma has disconnected. */
export async function connect(pglite: PGlite, close: () => Promise<void>): Promise<EmbeddedDatabase> {
  try {
    await migrate({
      async run(sql) {
        await pglite.exec(sql);
      },
      query: (sql, values) => pglite.query(sql, values),
    });
  } catch (error) {
    await close();
    throw error;
  }
  const prisma = new PrismaClient({
    adapter: pgliteAdapter(pglite),
    // PGlite runs one transaction at a time: under load, a transaction waits longer than Prisma's default of two seconds.
    transactionOptions: { maxWait: 15_000, timeout: 30_000 },
  });
  return {
    prisma,
    pglite,
    async close() {
      try {
        await prisma.$disconnect();
      } finally {
        await close();
      }
    },
  };
}
