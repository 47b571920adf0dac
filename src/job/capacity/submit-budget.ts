/** The submits that fal is sent a minute, over all processes: their instants stand in the budget's row, whose lock each takes. */
import { Prisma } from '../../../prisma/generated/client/client.ts';
import type { Tx } from '../../database/client.ts';
import type { StepDependencies } from '../runner/step-dependencies.ts';

const windowMs = 60_000;

/** No submit may be sent now. The transaction that asked for one is to be undone, and to be tried again after so long. */
export class SubmitsSpent extends Error {
  override name = 'SubmitsSpent';
  readonly afterMs: number;

  constructor(afterMs: number) {
    super(`The submits of this minute are spent; the next is free in ${afterMs} ms.`);
    this.afterMs = afterMs;
  }
}

/**
 * The submits of the minute before an instant, the oldest first, of the budget's row. One that seems to lie ahead was
 * written before a clock was set back, and is forgotten.
 */
export function recentSubmits(at: Date): Prisma.Sql {
  const since = new Date(at.getTime() - windowMs);
  return Prisma.sql`ARRAY(SELECT s FROM unnest("submits") s WHERE s > ${since} AND s <= ${at} ORDER BY s)`;
}

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

/** fal had too many: nothing is submitted for so long. In the transaction that takes the intent back. */
export async function pauseSubmits(tx: Tx, { now }: Pick<StepDependencies, 'now'>, forMs: number): Promise<void> {
  const until = new Date(now().getTime() + forMs);
  await tx.$executeRaw(Prisma.sql`
    UPDATE "FalBudget" SET "pausedUntil" = greatest("pausedUntil", ${until}) WHERE "id" = 1`);
}
