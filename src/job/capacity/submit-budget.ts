/**
 * The budget of submits per minute, shared by all processes. The budget's row holds the times of the recent submits, and
 * every submit locks it.
 */
import { Prisma } from '../../../prisma/generated/client/client.ts';
import type { Tx } from '../../database/client.ts';
import type { StepDependencies } from '../runner/step-dependencies.ts';

const windowMs = 60_000;

/** No submit may be sent for `afterMs`. The caller must roll its transaction back. */
export class SubmitsSpent extends Error {
  override name = 'SubmitsSpent';
  readonly afterMs: number;

  constructor(afterMs: number) {
    super(`The budget of submits is spent. The next submit may be sent in ${afterMs} ms.`);
    this.afterMs = afterMs;
  }
}

/** The submits of the minute before `at`, oldest first. Ignores times in the future, which remain when a clock is set back. */
function recentSubmits(at: Date): Prisma.Sql {
  return Prisma.sql`ARRAY(SELECT s FROM unnest("submits") s WHERE s > ${minuteBefore(at)} AND s <= ${at} ORDER BY s)`;
}

export const minuteBefore = (at: Date) => new Date(at.getTime() - windowMs);

/** Takes one submit from the budget, in the transaction that records the intent to send it. Throws SubmitsSpent. */
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
  const [spent] = await tx.$queryRaw<{ pausedUntil: Date | null; oldestSubmitAt: Date | null }[]>(Prisma.sql`
    SELECT "pausedUntil", (${recent})[cardinality(${recent}) - ${limit}::int + 1] AS "oldestSubmitAt" FROM "FalBudget" WHERE "id" = 1`);
  const freeAt = Math.max(spent?.pausedUntil?.getTime() ?? 0, (spent?.oldestSubmitAt?.getTime() ?? 0) + windowMs);
  throw new SubmitsSpent(Math.max(freeAt - at.getTime(), 1));
}

/** Pauses all submits, because fal throttles the key. Runs in the transaction that clears the intent of the rejected submit. */
export async function pauseSubmits(tx: Tx, { now }: Pick<StepDependencies, 'now'>, forMs: number): Promise<void> {
  const until = new Date(now().getTime() + forMs);
  await tx.$executeRaw(Prisma.sql`
    UPDATE "FalBudget" SET "pausedUntil" = greatest("pausedUntil", ${until}) WHERE "id" = 1`);
}
