/**
 * The log of a job: what happened to it, numbered 1, 2, 3 …, never changed. It is the truth that clients are shown;
 * whatever is sent live is read from here first.
 */
import { createHash } from 'node:crypto';
import { type JobEvent, type JobStatus, Prisma } from '../../prisma/generated/client/client.ts';
import type { Database, Tx } from '../database/client.ts';
import type { NewEvent } from './payload.ts';

/** A job's row as its writer knows it; null stands for any. */
export type Held = { id: string; status: JobStatus | null; token: string | null };

/** What a write came to: the newest event's number, and the events that it added, the oldest first. */
export type Added = { lastSequence: number; events: JobEvent[] };

/**
 * Writes columns of a job's row and adds the events that tell of it, in one statement; undefined, and nothing written,
 * when the row is no longer as it is held. Alone, or in the transaction of what else belongs to the change: the numbers
 * are given under the job row's lock, so that they have no gap and a reader never sees a later one before an earlier.
 *
 * A LOGGED event that the log already has is left out: fal tells its lines again and again, and a line is what it is by
 * its time and text, never by its place.
 */
export async function writeJob(
  tx: Tx,
  { id, status, token }: Held,
  columns: object,
  events: NewEvent[],
): Promise<Added | undefined> {
  const rows = events.map((event) => ({ ...event, logKey: event.type === 'LOGGED' ? logKeyOf(event.payload) : null }));
  const [written] = await tx.$queryRaw<{ last: number; numbers: number[]; writtenAt: Date }[]>(Prisma.sql`
    SELECT last, numbers, written_at AS "writtenAt" FROM write_job(${id}::uuid, ${status}::"JobStatus", ${token}::uuid,
      ${JSON.stringify(columns)}::jsonb, ${JSON.stringify(rows)}::jsonb)`);
  if (written === undefined) return undefined;
  const { last, numbers, writtenAt } = written;
  const added = rows.flatMap((row, n) => {
    const sequence = numbers[n] ?? 0;
    return sequence > 0 ? [{ ...row, jobId: id, sequence, occurredAt: writtenAt }] : [];
  });
  return { lastSequence: last, events: added };
}

/**
 * Adds events to a job's log. To be called in the transaction of the change that they tell. Returns the newest sequence
 * number.
 */
export async function appendEvents(tx: Tx, jobId: string, events: NewEvent[]): Promise<number> {
  const added = await writeJob(tx, { id: jobId, status: null, token: null }, {}, events);
  if (added === undefined) throw new Error(`No job ${jobId} to append events to.`);
  return added.lastSequence;
}

/** An event that is no LOGGED one, and whose it is. */
export type EventOfJob = { jobId: string; event: Exclude<NewEvent, { type: 'LOGGED' }> };

/** As appendEvents, one event for each of many jobs. A job that is gone is left out. */
export async function appendEventEach(tx: Tx, events: EventOfJob[]) {
  if (events.length === 0) return [];
  const rows = events.map(({ jobId, event }) => ({ jobId, ...event }));
  return await tx.$queryRaw<{ id: string; ownerId: string; lastSequence: number }[]>(Prisma.sql`
    WITH counted AS (
      UPDATE "Job" SET "lastSequence" = "lastSequence" + 1
      FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS given("jobId" uuid, "type" text, "payload" jsonb)
      WHERE "Job"."id" = given."jobId"
      RETURNING "Job"."id", "Job"."ownerId", "Job"."lastSequence", given."type", given."payload"
    ), added AS (
      INSERT INTO "JobEvent" ("jobId", "sequence", "type", "payload")
      SELECT "id", "lastSequence", "type"::"JobEventType", "payload" FROM counted
    )
    SELECT "id", "ownerId", "lastSequence" FROM counted ORDER BY "id"`);
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
