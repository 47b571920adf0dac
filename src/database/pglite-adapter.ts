/**
 * Prisma's driver adapter for PGlite. It uses pglite-prisma-adapter to convert values, and replaces that library's
 * transactions and scripts: version 0.7.2 does not await a script, swallows an error of COMMIT, and sets the isolation
 * level outside the transaction.
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
 * PGlite runs a transaction as a callback and no other statement until the callback ends. This callback waits until Prisma
 * commits or rolls back. It must always end, otherwise it would block the database for ever.
 */
async function begin(
  pglite: PGlite,
  queries: SqlDriverAdapter,
  level: IsolationLevel | undefined,
): Promise<Transaction> {
  const { promise: opened, resolve: open } = withResolvers<PGliteTransaction>();
  const { promise: outcome, resolve: decide } = withResolvers<'COMMIT' | 'ROLLBACK'>();
  const finished = pglite.transaction(async (tx) => {
    // Without this pause a queue of transactions would starve the event loop: PGlite answers within the same turn.
    await nextTurn();
    if (level !== undefined) await tx.exec(`SET TRANSACTION ISOLATION LEVEL ${level}`);
    open(tx);
    if ((await outcome) === 'ROLLBACK') await tx.rollback();
  });
  // Fails if the transaction cannot open, as with a closed database. A later failure rejects commit() or rollback().
  const tx = await Promise.race([opened, finished.then(() => opened)]);
  const end = (chosen: 'COMMIT' | 'ROLLBACK') => async () => {
    decide(chosen);
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
