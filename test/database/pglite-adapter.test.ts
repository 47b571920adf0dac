/** The parts of Prisma's adapter for PGlite that this repository replaces: transactions and scripts. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { EmbeddedDatabase } from '../../src/database/embedded-database.ts';
import { pgliteAdapter } from '../../src/database/pglite-adapter.ts';
import { openTestDatabase } from '../support/database.ts';

let database: EmbeddedDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

const addUser = (tx: Pick<EmbeddedDatabase['prisma'], 'user'>, id = randomUUID()) => tx.user.create({ data: { id } });
const isThere = async (id: string) => (await database.prisma.user.count({ where: { id } })) === 1;

it('a transaction that throws is rolled back', async () => {
  const id = randomUUID();
  const work = database.prisma.$transaction(async (tx) => {
    await addUser(tx, id);
    throw new Error('No.');
  });
  await expect(work).rejects.toThrow('No.');
  expect(await isThere(id)).toBe(false);
});

it('a failed commit throws and leaves nothing', async () => {
  await database.pglite.exec('CREATE TABLE late (n INT UNIQUE DEFERRABLE INITIALLY DEFERRED)');
  const id = randomUUID();
  const work = database.prisma.$transaction(async (tx) => {
    await addUser(tx, id);
    await tx.$executeRaw`INSERT INTO late VALUES (1), (1)`;
  });
  await expect(work).rejects.toThrow(/duplicate key|Unique constraint/);
  expect(await isThere(id)).toBe(false);
});

it.each([
  'ReadCommitted',
  'RepeatableRead',
  'Serializable',
] as const)('a transaction is %s when asked', async (isolationLevel) => {
  const level = await database.prisma.$transaction((tx) => tx.$queryRaw`SHOW transaction_isolation`, {
    isolationLevel,
  });
  expect(level).toEqual([{ transaction_isolation: isolationLevel.replace(/(?<!^)([A-Z])/, ' $1').toLowerCase() }]);
});

it('concurrent transactions run one after another, and a failed one does not affect the next', async () => {
  const ids = Array.from({ length: 8 }, () => randomUUID());
  const works = ids.map((id, index) =>
    database.prisma.$transaction(async (tx) => {
      await addUser(tx, id);
      if (index % 2 === 0) await addUser(tx, id);
    }),
  );
  const ends = await Promise.allSettled(works);
  expect(ends.map(({ status }) => status)).toEqual(ids.map((_, index) => (index % 2 === 0 ? 'rejected' : 'fulfilled')));
  expect(await Promise.all(ids.map(isThere))).toEqual(ids.map((_, index) => index % 2 === 1));
});

it('a transaction that takes too long is rolled back, and the next one runs', async () => {
  const id = randomUUID();
  const work = database.prisma.$transaction(
    async (tx) => {
      await addUser(tx, id);
      await new Promise((resolve) => setTimeout(resolve, 300));
      await addUser(tx);
    },
    { timeout: 100 },
  );
  await expect(work).rejects.toThrow(/expired|timeout/i);
  expect(await isThere(id)).toBe(false);
});

it('a transaction that waited too long never begins, and does not block the next', async () => {
  const id = randomUUID();
  const { promise: held, resolve: release } = withResolvers();
  const first = database.prisma.$transaction(async () => await held);
  const late = database.prisma.$transaction((tx) => addUser(tx, id), { maxWait: 50 });
  await expect(late).rejects.toThrow(/Unable to start a transaction|expired|timeout/i);
  release();
  await first;
  expect(await isThere(id)).toBe(false);
});

it('a failed rollback blocks no other transaction, and the original error is thrown', async () => {
  const { transaction } = database.pglite;
  database.pglite.transaction = async (work) =>
    (await transaction.call(database.pglite, (tx) =>
      work({ ...tx, rollback: async () => Promise.reject(new Error('no rollback')) }),
    )) as never;
  const id = randomUUID();
  const work = database.prisma.$transaction(async (tx) => {
    await addUser(tx, id);
    throw new Error('No.');
  });
  await expect(work).rejects.toThrow('No.');
  database.pglite.transaction = transaction;
  expect(await isThere(id)).toBe(false);
});

it('the event loop runs between transactions', async () => {
  let turns = 0;
  const ticking = setInterval(() => (turns += 1));
  for (let n = 0; n < 20; n += 1) await database.prisma.$transaction((tx) => tx.user.count());
  clearInterval(ticking);
  expect(turns).toBeGreaterThan(5);
});

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

it('a failed script throws before the next statement runs', async () => {
  const adapter = await pgliteAdapter(database.pglite).connect();
  await expect(adapter.executeScript('CREATE TABLE once (n INT); CREATE TABLE once (n INT)')).rejects.toThrow(
    'relation "once" already exists',
  );
});
