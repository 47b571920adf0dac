/** What a scrape reads from the database: one statement each, over an index that holds just what is counted. */
import { Prisma } from '../../prisma/generated/client/client.ts';
import type { Database } from '../database/client.ts';
import { toCredits } from '../ledger/prices.ts';

export type JobCount = {
  kind: string;
  endpoint: string;
  status: string;
  count: number;
  /** Those that wait here for their turn. */
  waiting: number;
  /** When the first of them came. */
  oldestAt: Date | null;
};

/** The jobs that have not ended, over the partial index of them: its condition is written here as it is there. */
export async function countJobs(prisma: Database): Promise<JobCount[]> {
  return await prisma.$queryRaw<JobCount[]>(Prisma.sql`
    SELECT "kind"::text, "endpoint", "status"::text, count(*)::int AS count,
      (count(*) FILTER (WHERE "status" = 'QUEUED' AND "admittedAt" IS NULL))::int AS waiting,
      min("createdAt") FILTER (WHERE "status" = 'QUEUED' AND "admittedAt" IS NULL) AS "oldestAt"
    FROM "Job" WHERE "status" NOT IN ('SUCCEEDED', 'FAILED', 'CANCELLED')
    GROUP BY "kind", "endpoint", "status"`);
}

/** In credits. */
export type LedgerSums = { available: number; reserved: number; earned: number };

/** Balances from the owners' rows, a row each; what was earned from the partial index of those entries alone. */
export async function sumLedger(prisma: Database): Promise<LedgerSums> {
  const [sums] = await prisma.$queryRaw<{ available: bigint; reserved: bigint; earned: bigint }[]>(Prisma.sql`
    SELECT coalesce(sum("balanceTenths"), 0)::bigint AS available, coalesce(sum("reservedTenths"), 0)::bigint AS reserved,
      (SELECT coalesce(sum("tenths"), 0)::bigint FROM "LedgerEntry" WHERE "account" = 'EARNED') AS earned
    FROM "User"`);
  return { available: credits(sums?.available), reserved: credits(sums?.reserved), earned: credits(sums?.earned) };
}

const credits = (tenths: bigint | undefined) => toCredits(Number(tenths ?? 0n));
