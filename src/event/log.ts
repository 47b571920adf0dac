/**
 * The log of a job: what happened to it, numbered 1, 2, 3 …, never changed. It is the truth that clients are shown;
 * whatever is sent live is read from here first.
 */
import { createHash } from 'node:crypto';
import { type JobEvent, Prisma } from '../../prisma/generated/client/client.ts';
import type { Database, Tx } from '../database/client.ts';
import type { NewEvent } from './payload.ts';

/**
 * Adds events to a job's log and counts its `lastSequence` on, in one statement. To be called in the transaction of the
 * change that the events tell: the numbers are given under the job row's lock, which the update takes, so that they
 * have no gap and a reader never sees a later one before an earlier. Returns the newest sequence number.
 */
export async function appendEvents(tx: Tx, jobId: string, events: NewEvent[]): Promise<number> {
  const counted = await tx.$queryRaw<{ lastSequence: number }[]>(Prisma.sql`
    WITH job AS (
      SELECT "id", "lastSequence" FROM "Job" WHERE "id" = ${jobId}::uuid FOR UPDATE
    ), ${addedBehind(events)}
    UPDATE "Job" SET "lastSequence" = ${countedOn}
    FROM job WHERE "Job"."id" = job."id"
    RETURNING "Job"."lastSequence"`);
  const lastSequence = counted[0]?.lastSequence;
  if (lastSequence === undefined) throw new Error(`No job ${jobId} to append events to.`);
  return lastSequence;
}

/**
 * A part of a statement that changes a job's row as well: `added` inserts the events behind those of `job`, which has the
 * row's `id` and `lastSequence` under its lock. `countedOn` is then the row's new `lastSequence`.
 *
 * A LOGGED event that the log already has is left out: fal tells its lines again and again, and a line is what it is by
 * its time and text, never by its place.
 */
export function addedBehind(events: NewEvent[]): Prisma.Sql {
  const rows = events.map((event) => ({ ...event, logKey: event.type === 'LOGGED' ? logKeyOf(event.payload) : null }));
  return Prisma.sql`given AS (
      SELECT DISTINCT ON (coalesce(event."logKey", event.n::text)) event.*
      FROM ROWS FROM (jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS ("type" text, "payload" jsonb, "logKey" text))
        WITH ORDINALITY AS event("type", "payload", "logKey", n)
      ORDER BY coalesce(event."logKey", event.n::text), event.n
    ), added AS (
      INSERT INTO "JobEvent" ("jobId", "sequence", "type", "payload", "logKey")
      SELECT job."id", job."lastSequence" + row_number() OVER (ORDER BY given.n), given."type"::"JobEventType", given."payload", given."logKey"
      FROM given, job
      WHERE given."logKey" IS NULL
        OR NOT EXISTS (SELECT FROM "JobEvent" e WHERE e."jobId" = job."id" AND e."logKey" = given."logKey")
      RETURNING 1
    )`;
}

export const countedOn = Prisma.sql`job."lastSequence" + (SELECT count(*) FROM added)`;

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
