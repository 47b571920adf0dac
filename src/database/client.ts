/** The one Prisma client, and what a feature's command is given to write with. */
import type { PGlite } from '@electric-sql/pglite';
import type { Prisma } from '../../prisma/generated/client/client.ts';
import { PrismaClient } from '../../prisma/generated/client/client.ts';
import { migrate } from './migrate.ts';
import { openPglite } from './pglite.ts';
import { pgliteAdapter } from './pglite-adapter.ts';

export type Database = PrismaClient;

/** A transaction of the caller's: what is written through it is kept or lost with the rest of it. */
export type Tx = Prisma.TransactionClient;

export type OpenDatabase = { prisma: Database; pglite: PGlite; close(): Promise<void> };

/** Opens the embedded database of a data folder and brings it to this version. */
export async function openEmbeddedDatabase(dataDir: string): Promise<OpenDatabase> {
  const embedded = await openPglite(dataDir);
  return connect(embedded.pglite, embedded.close);
}

/** Migrates an open PGlite and puts Prisma over it. `close` is called after Prisma has let go. */
export async function connect(pglite: PGlite, close: () => Promise<void>): Promise<OpenDatabase> {
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
    // PGlite runs one transaction at a time: under load the wait for it is longer than Prisma's two seconds.
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
