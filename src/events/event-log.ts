/**
 * The log of a job: its events, numbered 1, 2, 3 …, and never changed. An event is sent to clients only after it is
 * committed here.
 */
import { createHash } from 'node:crypto';
import { type JobEvent, type JobStatus, Prisma } from '../../prisma/generated/client/client.ts';
import type { Database, Tx } from '../database/client.ts';
import type { NewEvent } from './payload.ts';

/** The row that a write expects to find; null stands for any status or token. */
export type ExpectedRow = { id: string; status: JobStatus | null; token: string | null };

/** The number of the newest event, and the events that the write appended, oldest first. */
export type AppendedEvents = { lastSequence: number; events: JobEvent[] };

/**
 * Writes columns of a job's row and appends the events that report the change, in one statement. Writes nothing
 * and returns undefined when the row is not as expected. It can run in the caller's transaction or alone. Events get their
 * numbers under the lock of the job's row: the numbers have no gap, and a reader never sees a later event before an earlier.
 *
 * Skips a LOGGED event that the log already has: fal repeats its lines. A line is identified by its time and text.
 */
export async function writeJob(
  tx: Tx,
  { id, status, token }: ExpectedRow,
  columns: object,
  events: NewEvent[],
): Promise<AppendedEvents | undefined> {
  const rows = events.map((event) => ({ ...event, logKey: event.type === 'LOGGED' ? logKeyOf(event.payload) : null }));
  const [written] = await tx.$queryRaw<{ last: number; numbers: number[]; writtenAt: Date }[]>(Prisma.sql`
    SELECT last, numbers, written_at AS "writtenAt" FROM write_job(${id}::uuid, ${status}::"JobStatus", ${token}::uuid,
      ${JSON.stringify(columns)}::jsonb, ${JSON.stringify(rows)}::jsonb)`);
  if (written === undefined) return undefined;
  const { last, numbers, writtenAt } = written;
  const appended = rows.flatMap((row, n) => {
    const sequence = numbers[n] ?? 0;
    return sequence > 0 ? [{ ...row, jobId: id, sequence, occurredAt: writtenAt }] : [];
  });
  return { lastSequence: last, events: appended };
}

/** Appends events to a job's log, in the transaction of the change that they report. Returns the newest sequence number. */
export async function appendEvents(tx: Tx, jobId: string, events: NewEvent[]): Promise<number> {
  const appended = await writeJob(tx, { id: jobId, status: null, token: null }, {}, events);
  if (appended === undefined) throw new Error(`No job ${jobId} to append events to.`);
  return appended.lastSequence;
}

/** A job and an event of any type but LOGGED. */
export type EventOfJob = { jobId: string; event: Exclude<NewEvent, { type: 'LOGGED' }> };

/** Appends one event to each of several jobs' logs. Returns the jobs with their newest numbers. Skips deleted jobs. */
export async function appendEventEach(tx: Tx, events: EventOfJob[]) {
  if (events.length === 0) return [];
  const rows = events.map(({ jobId, event }) => ({ jobId, ...event }));
  return await tx.$queryRaw<{ id: string; ownerId: string; lastSequence: number }[]>(Prisma.sql`
    WITH numbered AS (
      UPDATE "Job" SET "lastSequence" = "lastSequence" + 1
      FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS event("jobId" uuid, "type" text, "payload" jsonb)
      WHERE "Job"."id" = event."jobId"
      RETURNING "Job"."id", "Job"."ownerId", "Job"."lastSequence", event."type", event."payload"
    ), appended AS (
      INSERT INTO "JobEvent" ("jobId", "sequence", "type", "payload")
      SELECT "id", "lastSequence", "type"::"JobEventType", "payload" FROM numbered
    )
    SELECT "id", "ownerId", "lastSequence" FROM numbered ORDER BY "id"`);
}

/** The events after a sequence number, oldest first, at most `limit`. */
export async function readEvents(prisma: Database, jobId: string, after: number, limit: number): Promise<JobEvent[]> {
  return await prisma.jobEvent.findMany({
    where: { jobId, sequence: { gt: after } },
    orderBy: { sequence: 'asc' },
    take: limit,
  });
}

function logKeyOf(line: { loggedAt: string; message: string }): string {
  return createHash('sha256').update(line.loggedAt).update('\0').update(line.message).digest('hex');
}
