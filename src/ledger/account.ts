/**
 * An owner's account: whether a job may start, and how credits move. Credits move by double entry. Every function that
 * writes takes the transaction that changes the job, and expects the owner to be locked with `lockOwner`.
 */
import { randomUUID } from 'node:crypto';
import type { Job, LedgerAccount, LedgerKind, User } from '../../prisma/generated/client/client.ts';
import type { Tx } from '../database/client.ts';
import { LimitReachedError, Refusal } from '../refusal/refusal.ts';
import { toCredits } from './prices.ts';

/** The price exceeds the balance. Both are in credits. */
export class InsufficientCreditsError extends Refusal {
  override name = 'InsufficientCreditsError';
  readonly balance: number;
  readonly price: number;

  constructor(balanceTenths: number, priceTenths: number) {
    const [balance, price] = [toCredits(balanceTenths), toCredits(priceTenths)];
    super(`This costs ${price} credits, and the balance is ${balance}. Nothing was started.`);
    this.balance = balance;
    this.price = price;
  }
}

/** The settings of accounting. */
export type Metering = {
  /** METERING: a start reserves its price and is refused when the balance is too low. */
  isOn: boolean;
  /** DAILY_CREDITS in tenths of a credit: an owner's daily budget unless their row has one. Null for no limit. */
  dailyBudgetTenths: number | null;
};

/** Pure. Throws InsufficientCreditsError, and LimitReachedError for the daily budget. */
export function assertMaySpend(
  owner: User,
  priceTenths: number,
  { isOn, dailyBudgetTenths }: Metering,
  now: Date,
): void {
  if (isOn && owner.balanceTenths < priceTenths) throw new InsufficientCreditsError(owner.balanceTenths, priceTenths);
  const budget = owner.dailyBudgetTenths ?? dailyBudgetTenths;
  if (budget === null || spentToday(owner, now) + priceTenths <= budget) return;
  const tomorrow = dayOf(now).getTime() + dayMs;
  throw new LimitReachedError(
    `This costs ${toCredits(priceTenths)} credits, and ${toCredits(Math.max(0, budget - spentToday(owner, now)))} of today’s budget of ${toCredits(budget)} are left. Try again tomorrow (UTC), or ask an admin for a larger budget.`,
    Math.floor(toCredits(budget)),
    Math.max(1, Math.ceil((tomorrow - now.getTime()) / 1000)),
  );
}

/** What the owner's jobs of the UTC day cost so far, in tenths of a credit. */
export function spentToday({ spentOn, spentTenths }: Pick<User, 'spentOn' | 'spentTenths'>, now: Date): number {
  return spentOn?.getTime() === dayOf(now).getTime() ? spentTenths : 0;
}

/** Counts the price of a starting job towards the daily budget. Of a metered job it also reserves the price. */
export async function reserve(tx: Tx, owner: User, job: Job): Promise<void> {
  const spentTenths = spentToday(owner, job.createdAt) + job.priceTenths;
  await tx.user.update({ where: { id: owner.id }, data: { spentOn: dayOf(job.createdAt), spentTenths } });
  if (job.isMetered) await moveForJob(tx, job, 'RESERVATION', 'AVAILABLE', 'RESERVED', job.priceTenths);
}

/**
 * Pays the delivered units of an ended job, and releases the rest of its reservation. Returns the column to write to the
 * job. Running it twice would pay twice: call it in the transaction that ends the job.
 */
export async function settle(tx: Tx, job: Job, delivered: number): Promise<{ paidTenths: number }> {
  const paidTenths = (job.priceTenths / job.units) * Math.min(delivered, job.units);
  const unpaidTenths = job.priceTenths - paidTenths;
  if (unpaidTenths > 0) {
    await tx.user.updateMany({
      where: { id: job.ownerId, spentOn: dayOf(job.createdAt) },
      data: { spentTenths: { decrement: unpaidTenths } },
    });
  }
  if (job.isMetered) {
    await moveForJob(tx, job, 'SETTLEMENT', 'RESERVED', 'EARNED', paidTenths);
    await moveForJob(tx, job, 'RELEASE', 'RESERVED', 'AVAILABLE', unpaidTenths);
  }
  return { paidTenths };
}

/** Moves credits on behalf of an admin. A negative amount takes credits back. */
export async function issue(
  tx: Tx,
  movement: {
    ownerId: string;
    kind: 'GRANT' | 'CORRECTION';
    tenths: number;
    reason: string;
    idempotencyKey: string | null;
  },
): Promise<void> {
  await move(tx, { ...movement, from: 'ISSUED', to: 'AVAILABLE' });
}

/** Moves credits for a job between two accounts of its owner. Does nothing for an amount of 0. */
async function moveForJob(
  tx: Tx,
  { id, ownerId }: Job,
  kind: LedgerKind,
  from: LedgerAccount,
  to: LedgerAccount,
  tenths: number,
): Promise<void> {
  if (tenths > 0) await move(tx, { ownerId, jobId: id, kind, from, to, tenths });
}

type Movement = {
  ownerId: string;
  kind: LedgerKind;
  from: LedgerAccount;
  to: LedgerAccount;
  tenths: number;
  jobId?: string;
  reason?: string;
  idempotencyKey?: string | null;
};

async function move(tx: Tx, { from, to, tenths, idempotencyKey = null, ...entry }: Movement): Promise<void> {
  const movementId = randomUUID();
  const side = (account: LedgerAccount, amount: number) => ({
    ...entry,
    movementId,
    account,
    tenths: amount,
    idempotencyKey: account === 'AVAILABLE' ? idempotencyKey : null,
  });
  await tx.ledgerEntry.createMany({ data: [side(from, -tenths), side(to, tenths)] });
}

const dayMs = 24 * 60 * 60_000;
/** The UTC day of an instant, as Prisma reads a DATE column. */
const dayOf = (at: Date) => new Date(Math.floor(at.getTime() / dayMs) * dayMs);
