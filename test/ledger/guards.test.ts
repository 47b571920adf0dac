/**
 * The database's own rules, which hold for every writer: no balance is negative, a movement has two entries that sum to
 * zero, and entries never change.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { LedgerAccount, LedgerKind } from '../../prisma/generated/client/client.ts';
import type { EmbeddedDatabase } from '../../src/database/embedded-database.ts';
import { openTestDatabase } from '../support/database.ts';
import { addUser } from '../support/rows.ts';

let database: EmbeddedDatabase;
let ownerId: string;
beforeAll(async () => {
  database = await openTestDatabase();
});
beforeEach(async () => {
  ownerId = (await addUser(database.prisma)).id;
  await move('GRANT', ['ISSUED', -100], ['AVAILABLE', 100]);
});
afterAll(() => database.close());

type Side = [LedgerAccount, number];
const move = (kind: LedgerKind, ...sides: Side[]) => write(kind, {}, sides);
async function write(kind: LedgerKind, more: { jobId?: string }, sides: Side[]): Promise<void> {
  const about = { ownerId, movementId: randomUUID(), kind, reason: more.jobId === undefined ? 'test' : null, ...more };
  const data = sides.map(([account, tenths]) => ({ ...about, account, tenths }));
  await database.prisma.ledgerEntry.createMany({ data });
}
const balance = async () => (await database.prisma.user.findUniqueOrThrow({ where: { id: ownerId } })).balanceTenths;

it('rejects a negative balance', async () => {
  await expect(move('CORRECTION', ['ISSUED', 101], ['AVAILABLE', -101])).rejects.toThrow(/User_owes_nothing/);
  const jobId = randomUUID();
  const released = write('RELEASE', { jobId }, [
    ['RESERVED', -5],
    ['AVAILABLE', 5],
  ]);
  await expect(released).rejects.toThrow(/User_owes_nothing/);
  await move('CORRECTION', ['ISSUED', 100], ['AVAILABLE', -100]);
  expect(await balance()).toBe(0);
});

it.each<[string, Side[]]>([
  ['one entry', [['AVAILABLE', 5]]],
  [
    'two entries that do not sum to zero',
    [
      ['ISSUED', -4],
      ['AVAILABLE', 5],
    ],
  ],
  [
    'three entries',
    [
      ['ISSUED', -2],
      ['ISSUED', -3],
      ['AVAILABLE', 5],
    ],
  ],
])('rejects a movement of %s', async (_what, sides) => {
  await expect(move('GRANT', ...sides)).rejects.toThrow(/LedgerEntry_is_double|sum to zero/);
  expect(await balance()).toBe(100);
});

it('rejects a negative grant and an entry of zero', async () => {
  await expect(move('GRANT', ['ISSUED', 5], ['AVAILABLE', -5])).rejects.toThrow(/LedgerEntry_flows_as_its_kind/);
  await expect(move('GRANT', ['ISSUED', 0], ['AVAILABLE', 0])).rejects.toThrow(/LedgerEntry_moves_something/);
});

it('rejects a second reservation or settlement of one job', async () => {
  const jobId = randomUUID();
  const reserve = () =>
    write('RESERVATION', { jobId }, [
      ['AVAILABLE', -20],
      ['RESERVED', 20],
    ]);
  await reserve();
  await expect(reserve()).rejects.toThrow(/nique/);
  const settle = () =>
    write('SETTLEMENT', { jobId }, [
      ['RESERVED', -10],
      ['EARNED', 10],
    ]);
  await settle();
  await expect(settle()).rejects.toThrow(/nique/);
  expect(await balance()).toBe(80);
});

it('rejects changes to an entry, its deletion, and the deletion of its owner', async () => {
  const where = { ownerId };
  await expect(database.prisma.ledgerEntry.updateMany({ where, data: { tenths: 1 } })).rejects.toThrow(/never changed/);
  await expect(database.prisma.ledgerEntry.deleteMany({ where })).rejects.toThrow(/never changed/);
  await expect(database.prisma.user.delete({ where: { id: ownerId } })).rejects.toThrow(/never changed/);
  expect(await database.prisma.ledgerEntry.count({ where })).toBe(2);
});
