/**
 * The budget of submits per minute, for all processes together: the instants of the recent submits are in the budget's row,
 * which every submit locks.
 */
import { Prisma } from '../../../prisma/generated/client/client.ts';
import type { Tx } from '../../database/client.ts';
import type { StepDependencies } from '../runner/step-dependencies.ts';

const windowMs = 60_000;

/** No submit may be sent for `afterMs`. The transaction that asked for one must be rolled back. */
export class SubmitsSpent extends Error {
  override name = 'SubmitsSpent';
  readonly afterMs: number;

  constructor(afterMs: number) {
    super(`The submits of this minute are spent; the next may be sent in ${afterMs} ms.`);
    this.afterMs = afterMs;
  }
}

/** The submits of the minute before an instant, the oldest first. One that lies ahead was written before a clock was set back. */
function recentSubmits(at: Date): Prisma.Sql {
  return Prisma.sql`ARRAY(SELECT s FROM unnest("submits") s WHERE s > ${minuteBefore(at)} AND s <= ${at} ORDER BY s)`;
}

export const minuteBefore = (at: Date) => new Date(at.getTime() - windowMs);

/** Takes one submit, in the transaction of the intent to send it. Throws SubmitsSpent. */
export async function takeSubmit(
  tx: Tx,
  { now, falLimits }: Pick<StepDependencies, 'now' | 'falLimits'>,
): Promise<void> {
  const at = now();
  const limit = falLimits.submitsPerMinute;
  const recent = recentSubmits(at);
  const taken = await tx.$executeRaw(Prisma.sql`
    UPDATE "FalBudget" SET "submits" = ${recent} || ${at}::timestamptz(3)
    WHERE "id" = 1 AND cardinality(${recent}) < ${limit} AND ("pausedUntil" IS NULL OR "pausedUntil" <= ${at})`);
  if (taken > 0) return;
  const [spent] = await tx.$queryRaw<{ pausedUntil: Date | null; frees: Date | null }[]>(Prisma.sql`
    SELECT "pausedUntil", (${recent})[cardinality(${recent}) - ${limit}::int + 1] AS frees FROM "FalBudget" WHERE "id" = 1`);
  const freeAt = Math.max(spent?.pausedUntil?.getTime() ?? 0, (spent?.frees?.getTime() ?? 0) + windowMs);
  throw new SubmitsSpent(Math.max(freeAt - at.getTime(), 1));
}

/** Pauses all submits, because fal throttles the key. In the transaction that takes the refused submit's intent back. */
export async function pauseSubmits(tx: Tx, { now }: Pick<StepDependencies, 'now'>, forMs: number): Promise<void> {
  const until = new Date(now().getTime() + forMs);
  await tx.$executeRaw(Prisma.sql`
    UPDATE "FalBudget" SET "pausedUntil" = greatest("pausedUntil", ${until}) WHERE "id" = 1`);
}
