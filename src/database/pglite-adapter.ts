/**
 * Prisma's driver adapter over PGlite. pglite-prisma-adapter converts the values; what it does about transactions and
 * scripts is replaced, because version 0.7.2 does not await a script, swallows an error of COMMIT, and sets an isolation
 * level outside the transaction that it is meant for.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PGlite, Transaction as PGliteTransaction } from '@electric-sql/pglite';
import type {
  IsolationLevel,
  SqlDriverAdapter,
  SqlDriverAdapterFactory,
  Transaction,
} from '@prisma/driver-adapter-utils';
import { PrismaPGlite } from 'pglite-prisma-adapter';

export function pgliteAdapter(pglite: PGlite): SqlDriverAdapterFactory {
  const library = new PrismaPGlite(pglite);
  return {
    provider: 'postgres',
    adapterName: 'likeness-pglite',
    async connect() {
      const queries = await library.connect();
      return Object.assign(Object.create(queries) as SqlDriverAdapter, {
        async executeScript(script: string) {
          await pglite.exec(script);
        },
        startTransaction: (level?: IsolationLevel) => begin(pglite, queries, level),
        getConnectionInfo: () => ({ supportsRelationJoins: true }),
      });
    },
  };
}

/**
 * PGlite runs a transaction as a callback, and nobody else's statement while it runs; this holds the callback open until
 * Prisma commits or rolls back. However that goes, the callback ends: one that does not would block the database for ever.
 */
async function begin(
  pglite: PGlite,
  queries: SqlDriverAdapter,
  level: IsolationLevel | undefined,
): Promise<Transaction> {
  const { promise: opened, resolve: open } = withResolvers<PGliteTransaction>();
  const { promise: decided, resolve: decide } = withResolvers<'COMMIT' | 'ROLLBACK'>();
  const finished = pglite.transaction(async (tx) => {
    // PGlite answers without a turn of the event loop, and a queue of transactions would let nothing else have one.
    await nextTurn();
    if (level !== undefined) await tx.exec(`SET TRANSACTION ISOLATION LEVEL ${level}`);
    open(tx);
    if ((await decided) === 'ROLLBACK') await tx.rollback();
  });
  // If it never opens (a closed database, a refused level), opening is what fails; a later failure is its end's to tell.
  const tx = await Promise.race([opened, finished.then(() => opened)]);
  const end = (how: 'COMMIT' | 'ROLLBACK') => async () => {
    decide(how);
    await finished;
  };
  return Object.assign(Object.create(queries) as Transaction, {
    client: tx,
    options: { usePhantomQuery: true },
    commit: end('COMMIT'),
    rollback: end('ROLLBACK'),
  });
}

/** Promise.withResolvers, which Node 20 does not have yet. */
function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
