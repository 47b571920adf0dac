/**
 * The line in which jobs wait here until fal has room for them. Whose turn it is, is decided in one place for all
 * processes, under the lock of the budget's row, and by what the rows say: a crash loses no place in the line.
 *
 * The line is start-time fair queueing: it has a time of its own, `turn`, which counts rounds. An owner's next job has its
 * turn one round after their last, or 1/weight of a round; whoever comes anew has it now. The lowest turn goes first. So an
 * owner with one job waits for no more than one round of the others, however many of theirs are in the line, and coming
 * with one job at a time wins nothing.
 */
import { type Job, Prisma } from '../../../prisma/generated/client/client.ts';
import type { Tx } from '../../database/client.ts';
import { failpoint } from '../../runtime/failpoint.ts';
import type { StepDependencies } from '../runner/step-dependencies.ts';
import { recentSubmits } from './submit-budget.ts';

type Parts = Pick<StepDependencies, 'prisma' | 'events' | 'steps' | 'now' | 'falLimits'>;

/** Positions are told anew this often at most. */
const tellEveryMs = 1_000;

/** The jobs in the order of their turns. An owner's own: generations first, then as they came. */
const line = Prisma.sql`
  SELECT waiting.*, row_number() OVER (ORDER BY turn, "id") - 1 AS position
  FROM (
    SELECT job."id", job."ownerId", owner."weight", greatest(owner."turn", budget."turn")
      + (row_number() OVER (PARTITION BY job."ownerId" ORDER BY job."kind" DESC, job."id") - 1)::float / owner."weight" AS turn
    FROM "Job" job JOIN "User" owner ON owner."id" = job."ownerId" CROSS JOIN "FalBudget" budget
    WHERE job."status" = 'QUEUED' AND job."admittedAt" IS NULL
  ) waiting`;

/**
 * Gives as many jobs their turn as fal has room for, and each its step. Returns whether any was waiting. Asking too often
 * costs one read.
 */
export async function admitWaiting(parts: Parts): Promise<boolean> {
  const { prisma, events, steps } = parts;
  if (!(await isAnyWaiting(parts))) return false;
  const admitted = await prisma.$transaction(async (tx) => {
    const room = await roomAtFal(tx, parts);
    const jobs = room > 0 ? await admit(tx, room, parts.now()) : [];
    await steps.enqueueAll(
      jobs.map(({ id }) => id),
      tx,
    );
    if (jobs.length > 0) await failpoint('admit.given');
    return jobs;
  });
  for (const job of admitted) events.nudge(job);
  if (admitted.length > 0) steps.wake();
  return true;
}

/**
 * Gives a job its turn if it waits alone and fal has room, and returns when; else null. What admitWaiting does for many,
 * in one statement, without a step: the job has one.
 */
export async function admitAlone(
  parts: Parts,
  job: Pick<Job, 'id' | 'ownerId' | 'lastSequence'>,
): Promise<Date | null> {
  const { prisma, events, falLimits } = parts;
  const at = parts.now();
  const [asked] = await prisma.$queryRaw<{ isAdmitted: boolean }[]>(Prisma.sql`
    SELECT admit_alone(${job.id}::uuid, ${at}::timestamptz, ${falLimits.submitsPerMinute}::int, ${falLimits.jobsAtOnce}::int) AS "isAdmitted"`);
  if (!asked?.isAdmitted) return null;
  await failpoint('admit.given');
  events.nudge(job);
  return at;
}

/**
 * Tells the jobs that wait where they stand, each that has moved: in the first twenty at every move, further back when
 * it is a twentieth of the way. What is told a second time within a second is told by the next call.
 */
export async function tellPositions(parts: Parts): Promise<void> {
  const { prisma, events } = parts;
  if (!(await isAnyWaiting(parts))) return;
  const now = parts.now();
  const told = await prisma.$transaction(async (tx) => {
    const isDue = await tx.$executeRaw(Prisma.sql`
      UPDATE "FalBudget" SET "toldAt" = ${now}
      WHERE "id" = 1 AND ("toldAt" IS NULL OR "toldAt" <= ${new Date(now.getTime() - tellEveryMs)} OR "toldAt" > ${now})`);
    if (isDue === 0) return [];
    // What somebody else is at, as a cancel or a deletion of many, moves on by itself: to wait for it could be a deadlock.
    const moved = await tx.$queryRaw<{ id: string; position: number }[]>(Prisma.sql`
      WITH line AS MATERIALIZED (${line}), free AS (
        SELECT job."id", line.position FROM "Job" job JOIN line ON line."id" = job."id"
        WHERE job."status" = 'QUEUED' AND job."admittedAt" IS NULL
          AND (job."queuePosition" IS NULL OR abs(job."queuePosition" - line.position) >= greatest(1, line.position / 20))
        FOR NO KEY UPDATE OF job SKIP LOCKED
      )
      UPDATE "Job" SET "queuePosition" = free.position FROM free WHERE "Job"."id" = free."id"
      RETURNING "Job"."id", "Job"."queuePosition" AS position`);
    return await events.appendEach(
      tx,
      moved.map(({ id, position }) => ({ jobId: id, event: { type: 'QUEUE_MOVED', payload: { position } } })),
    );
  });
  for (const job of told) events.nudge(job);
}

/** Not by findFirst: with its status as a parameter, PostgreSQL reads all jobs instead of the index of those that wait. */
async function isAnyWaiting({ prisma }: Parts): Promise<boolean> {
  const waiting = await prisma.$queryRaw<unknown[]>(
    Prisma.sql`SELECT 1 FROM "Job" WHERE "status" = 'QUEUED' AND "admittedAt" IS NULL LIMIT 1`,
  );
  return waiting.length > 0;
}

/** Takes the budget's lock: what is counted after it stays so until the transaction ends. */
async function roomAtFal(tx: Tx, { falLimits, now }: Parts): Promise<number> {
  const at = now();
  await tx.$queryRaw(Prisma.sql`SELECT 1 FROM "FalBudget" WHERE "id" = 1 FOR UPDATE`);
  const [taken] = await tx.$queryRaw<{ atFal: number; unsent: number; recent: number; isPaused: boolean }[]>(Prisma.sql`
    SELECT jobs.*, cardinality(${recentSubmits(at)}) AS recent, coalesce("pausedUntil" > ${at}, false) AS "isPaused"
    FROM "FalBudget", (
      SELECT count(*)::int AS "atFal", (count(*) FILTER (WHERE "submittingAt" IS NULL))::int AS unsent
      FROM "Job" WHERE "admittedAt" IS NOT NULL AND "finishedAt" IS NULL AND "status" <> 'FINALIZING'
    ) jobs
    WHERE "id" = 1`);
  if (taken === undefined || taken.isPaused) return 0;
  // What was admitted and not sent yet will take a submit of this minute.
  const submits = falLimits.submitsPerMinute - taken.recent - taken.unsent;
  return Math.min(falLimits.jobsAtOnce - taken.atFal, submits);
}

/** The next so many of the line, in its order. Their owners' next turns come a round later. */
async function admit(tx: Tx, count: number, at: Date) {
  const next = await tx.$queryRaw<{ ownerId: string }[]>(Prisma.sql`
    SELECT "id", "ownerId", turn, "weight", position::int FROM (${line}) line ORDER BY position LIMIT ${count}`);
  // Owners before jobs, in the order of own.ts: what a cancel or a deletion has done meanwhile is then seen below, and
  // nobody whose owner is not held here is touched.
  const owners = [...new Set(next.map(({ ownerId }) => ownerId))];
  await tx.$queryRaw(
    Prisma.sql`SELECT 1 FROM "User" WHERE "id" = ANY(${owners}::uuid[]) ORDER BY "id" FOR NO KEY UPDATE`,
  );
  return await tx.$queryRaw<{ id: string; ownerId: string; lastSequence: number }[]>(Prisma.sql`
    WITH next AS (
      SELECT * FROM jsonb_to_recordset(${JSON.stringify(next)}::jsonb)
        AS next("id" uuid, "ownerId" uuid, turn float, "weight" int, position int)
    ), admitted AS (
      UPDATE "Job" SET "admittedAt" = ${at}, "queuePosition" = NULL
      FROM next WHERE "Job"."id" = next."id" AND "Job"."status" = 'QUEUED' AND "Job"."admittedAt" IS NULL
      RETURNING "Job"."id", "Job"."ownerId", "Job"."lastSequence", next.turn, next."weight", next.position
    ), owners AS (
      UPDATE "User" SET "turn" = served.turn
      FROM (SELECT "ownerId", max(turn + 1.0 / "weight") AS turn FROM admitted GROUP BY "ownerId") served
      WHERE "User"."id" = served."ownerId"
    ), moved AS (
      UPDATE "FalBudget" SET "turn" = (SELECT max(turn) FROM admitted) WHERE "id" = 1 AND EXISTS (SELECT FROM admitted)
    )
    SELECT "id", "ownerId", "lastSequence" FROM admitted ORDER BY position`);
}
