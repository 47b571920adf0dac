/**
 * An owner's account: what may be started on it, and how a job's credits move. Every function writes in its caller's
 * transaction, the one that changes the job, after `lockOwner`.
 */
import { randomUUID } from 'node:crypto';
import type { Job, LedgerAccount, LedgerKind, User } from '../../prisma/generated/client/client.ts';
import type { Tx } from '../database/client.ts';
import { LimitReachedError, Refusal } from '../refusal/refusal.ts';
import { toCredits } from './prices.ts';

/** The price is more than the balance. In credits. */
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

/** How this server accounts. */
export type Metering = {
  /** Whether it sells credits: a start reserves its price, and is refused when the balance does not hold it. */
  isOn: boolean;
  /** What one owner's jobs of a day may cost, in tenths of a credit, unless their own row says; null for any amount. */
  dailyBudgetTenths: number | null;
};

/** Throws InsufficientCreditsError, LimitReachedError. */
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
    `This costs ${toCredits(priceTenths)} credits, and ${toCredits(Math.max(0, budget - spentToday(owner, now)))} of today’s ${toCredits(budget)} are left. Try again tomorrow (UTC), or ask for more.`,
    Math.floor(toCredits(budget)),
    Math.max(1, Math.ceil((tomorrow - now.getTime()) / 1000)),
  );
}

/** What the owner's jobs of today cost. */
export function spentToday({ spentOn, spentTenths }: Pick<User, 'spentOn' | 'spentTenths'>, now: Date): number {
  return spentOn?.getTime() === dayOf(now).getTime() ? spentTenths : 0;
}

/** The job is started: its price counts from now on, and is reserved when the server sells credits. */
export async function reserve(tx: Tx, owner: User, job: Job): Promise<void> {
  const spentTenths = spentToday(owner, job.createdAt) + job.priceTenths;
  await tx.user.update({ where: { id: owner.id }, data: { spentOn: dayOf(job.createdAt), spentTenths } });
  if (job.isMetered) await moveOf(tx, job, 'RESERVATION', 'AVAILABLE', 'RESERVED', job.priceTenths);
}

/**
 * The job has ended and so much of it was delivered: that is paid, and what is left of the reservation is free again.
 * Returns the job's column of it.
 */
export async function settle(tx: Tx, job: Job, delivered: number): Promise<{ paidTenths: number }> {
  const paidTenths = (job.priceTenths / job.units) * Math.min(delivered, job.units);
  const leftTenths = job.priceTenths - paidTenths;
  if (leftTenths > 0) {
    await tx.user.updateMany({
      where: { id: job.ownerId, spentOn: dayOf(job.createdAt) },
      data: { spentTenths: { decrement: leftTenths } },
    });
  }
  if (job.isMetered) {
    await moveOf(tx, job, 'SETTLEMENT', 'RESERVED', 'EARNED', paidTenths);
    await moveOf(tx, job, 'RELEASE', 'RESERVED', 'AVAILABLE', leftTenths);
  }
  return { paidTenths };
}

/** An admin's movement. A negative amount takes credits back. */
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
  const { idempotencyKey, ...about } = movement;
  await move(tx, { ...about, from: 'ISSUED', to: 'AVAILABLE', idempotencyKey });
}

/** From one account of the job's owner to another; nothing is not moved. */
async function moveOf(
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

async function move(tx: Tx, { from, to, tenths, idempotencyKey = null, ...about }: Movement): Promise<void> {
  const movementId = randomUUID();
  const side = (account: LedgerAccount, amount: number) => ({
    ...about,
    movementId,
    account,
    tenths: amount,
    idempotencyKey: account === 'AVAILABLE' ? idempotencyKey : null,
  });
  await tx.ledgerEntry.createMany({ data: [side(from, -tenths), side(to, tenths)] });
}

const dayMs = 24 * 60 * 60_000;
/** The day in UTC, as PostgreSQL's DATE. */
const dayOf = (at: Date) => new Date(Math.floor(at.getTime() / dayMs) * dayMs);
