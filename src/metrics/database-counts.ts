/** The counts and sums that a scrape reads from the database, each in one statement. */
import { Prisma } from '../../prisma/generated/client/client.ts';
import type { Database } from '../database/client.ts';
import { toCredits } from '../ledger/prices.ts';

export type JobCount = {
  kind: string;
  endpoint: string;
  status: string;
  count: number;
  /** How many of them wait here until fal has room. */
  waiting: number;
  /** When the oldest waiting job was created. */
  oldestAt: Date | null;
};

/** Counts unfinished jobs. The condition matches that of their partial index word for word, so that PostgreSQL uses it. */
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

/** Sums the balances over the owners' rows, and the earned credits over the partial index of EARNED entries. */
export async function sumLedger(prisma: Database): Promise<LedgerSums> {
  const [sums] = await prisma.$queryRaw<{ available: bigint; reserved: bigint; earned: bigint }[]>(Prisma.sql`
    SELECT coalesce(sum("balanceTenths"), 0)::bigint AS available, coalesce(sum("reservedTenths"), 0)::bigint AS reserved,
      (SELECT coalesce(sum("tenths"), 0)::bigint FROM "LedgerEntry" WHERE "account" = 'EARNED') AS earned
    FROM "User"`);
  return { available: credits(sums?.available), reserved: credits(sums?.reserved), earned: credits(sums?.earned) };
}

const credits = (tenths: bigint | undefined) => toCredits(Number(tenths ?? 0n));
