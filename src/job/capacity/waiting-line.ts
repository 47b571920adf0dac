/**
 * The line in which jobs wait on this server until fal has room for them. The database decides which job is next, for all
 * processes: prisma/functions/waiting_line.sql has the order, admit_waiting.sql admits. A crash changes no position.
 */
import { type Job, Prisma } from '../../../prisma/generated/client/client.ts';
import type { Tx } from '../../database/client.ts';
import { failpoint } from '../../runtime/failpoint.ts';
import type { StepDependencies } from '../runner/step-dependencies.ts';
import { minuteBefore } from './submit-budget.ts';

type Parts = Pick<StepDependencies, 'prisma' | 'events' | 'steps' | 'now' | 'falLimits'>;
type AdmittedJob = Pick<Job, 'id' | 'ownerId' | 'lastSequence'>;

/** At most one update of the positions per second; later moves go out with the next one. */
const publishEveryMs = 1_000;

/**
 * Admits as many jobs as fal has room for, and enqueues a step for each. Returns whether any job was waiting. Costs one read
 * when none is.
 */
export async function admitWaiting(parts: Parts): Promise<boolean> {
  const { prisma, events, steps } = parts;
  if (!(await isAnyWaiting(parts))) return false;
  const admitted = await prisma.$transaction(async (tx) => {
    const jobs = await admit(tx, parts, null);
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
 * Admits this job if no other job waits and fal has room. Returns the time of the admission, or null. Runs one statement and
 * enqueues no step, because the caller is the job's step.
 */
export async function admitIfAlone(parts: Parts, job: Pick<Job, 'id'>): Promise<Date | null> {
  const at = parts.now();
  const [admitted] = await admit(parts.prisma, { ...parts, now: () => at }, job.id);
  if (admitted === undefined) return null;
  await failpoint('admit.given');
  parts.events.nudge(admitted);
  return at;
}

async function admit(tx: Tx, { falLimits, now }: Pick<Parts, 'falLimits' | 'now'>, onlyJob: string | null) {
  const at = now();
  return await tx.$queryRaw<AdmittedJob[]>(Prisma.sql`
    SELECT * FROM admit_waiting(${at}::timestamptz, ${minuteBefore(at)}::timestamptz,
      ${falLimits.submitsPerMinute}::int, ${falLimits.jobsAtOnce}::int, ${onlyJob}::uuid)`);
}

/**
 * Publishes the new positions of waiting jobs. The first twenty are published at every move; a job further back only after
 * it has moved by a twentieth of its position.
 */
export async function publishPositions(parts: Parts): Promise<void> {
  const { prisma, events } = parts;
  if (!(await isAnyWaiting(parts))) return;
  const now = parts.now();
  const moved = await prisma.$transaction(async (tx) => {
    const isDue = await tx.$executeRaw(Prisma.sql`
      UPDATE "FalBudget" SET "toldAt" = ${now}
      WHERE "id" = 1 AND ("toldAt" IS NULL OR "toldAt" <= ${new Date(now.getTime() - publishEveryMs)} OR "toldAt" > ${now})`);
    if (isDue === 0) return [];
    // Skips jobs that another transaction has locked, such as a cancel or a deletion: waiting could deadlock.
    const positions = await tx.$queryRaw<{ id: string; position: number }[]>(Prisma.sql`
      WITH line AS MATERIALIZED (SELECT * FROM waiting_line()), free AS (
        SELECT job."id", line.ahead FROM "Job" job JOIN line ON line."id" = job."id"
        WHERE job."status" = 'QUEUED' AND job."admittedAt" IS NULL
          AND (job."queuePosition" IS NULL OR abs(job."queuePosition" - line.ahead) >= greatest(1, line.ahead / 20))
        FOR NO KEY UPDATE OF job SKIP LOCKED
      )
      UPDATE "Job" SET "queuePosition" = free.ahead FROM free WHERE "Job"."id" = free."id"
      RETURNING "Job"."id", "Job"."queuePosition" AS position`);
    return await events.appendEach(
      tx,
      positions.map(({ id, position }) => ({ jobId: id, event: { type: 'QUEUE_MOVED', payload: { position } } })),
    );
  });
  for (const job of moved) events.nudge(job);
}

/** Plain SQL: with the status as a parameter, as findFirst sends it, PostgreSQL reads all jobs instead of the partial index. */
async function isAnyWaiting({ prisma }: Parts): Promise<boolean> {
  const waiting = await prisma.$queryRaw<unknown[]>(
    Prisma.sql`SELECT 1 FROM "Job" WHERE "status" = 'QUEUED' AND "admittedAt" IS NULL LIMIT 1`,
  );
  return waiting.length > 0;
}
