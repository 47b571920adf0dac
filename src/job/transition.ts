/** How a step writes: the row, its events and the step itself in one transaction, and only if the row is still as it was read. */

import { type Job, Prisma } from '../../prisma/generated/client/client.ts';
import type { App } from '../app.ts';
import type { Tx } from '../database/client.ts';
import { addedBehind, countedOn } from '../event/log.ts';
import type { NewEvent } from '../event/payload.ts';
import { failpoint } from '../failpoint.ts';
import { lockOwner } from '../own.ts';
import type { Columns } from './columns.ts';
import type { Step } from './steps.ts';

/** The row is no longer this step's: another took it over, or the job has ended. What the step did is dropped. */
export class ClaimLost extends Error {
  override name = 'ClaimLost';
}

/** A job as a step holds it: the row as last read or written, and the token that its writes carry. */
export type Claim = { readonly step: Step; readonly token: string; job: Job };

export type Change = {
  /** The row's columns; a function, when they come of other writes of the same transaction. */
  data?: Columns | ((tx: Tx) => Promise<Columns>);
  events?: NewEvent[];
  /** What else belongs to the change. */
  alongside?: (tx: Tx) => Promise<void>;
  /** Ends the step with this change; a number schedules the next one after so many milliseconds. */
  next?: { afterMs: number } | 'END';
};

type Parts = Pick<App, 'prisma' | 'events' | 'steps'>;

/**
 * Writes a change. Throws ClaimLost, with nothing written, when the row's state or token is another one by now: pg-boss
 * believes a late worker, so the row must not.
 */
export async function write(parts: Parts, claim: Claim, { data, events = [], alongside, next }: Change): Promise<void> {
  const isAlone = typeof data !== 'function' && alongside === undefined && next === undefined;
  // What fal tells while it is followed comes a hundred times a second: that is one statement, and its own transaction.
  if (isAlone) claim.job = await put(parts.prisma, claim, data ?? {}, events);
  else {
    claim.job = await parts.prisma.$transaction(async (tx) => {
      // A job's end moves credits, and its owner's row is locked before the job's: avatar/lock.ts has the order.
      if (next === 'END') await lockOwner(tx, claim.job.ownerId);
      // The row's lock is taken before others': under it the columns are still as they were read.
      if (typeof data === 'function' || alongside !== undefined) await hold(tx, claim);
      const columns = typeof data === 'function' ? await data(tx) : data;
      await alongside?.(tx);
      const job = await put(tx, claim, columns ?? {}, events);
      if (next !== undefined) await parts.steps.finish(tx, claim.step, next === 'END' ? undefined : next);
      return job;
    });
  }
  if (events.length > 0) {
    await failpoint('event.written');
    parts.events.nudge(claim.job);
  }
  if (next !== undefined && next !== 'END' && next.afterMs === 0) parts.steps.wake();
}

const isHeld = ({ token, job: { id, status } }: Claim) =>
  Prisma.sql`"id" = ${id}::uuid AND "status" = ${status}::"JobStatus" AND "attemptToken" = ${token}::uuid`;

const lost = ({ job }: Claim) => new ClaimLost(`Job ${job.id} is no longer this step's.`);

async function hold(tx: Tx, claim: Claim): Promise<void> {
  const held = await tx.$queryRaw<unknown[]>(Prisma.sql`SELECT 1 FROM "Job" WHERE ${isHeld(claim)} FOR UPDATE`);
  if (held.length === 0) throw lost(claim);
}

/** The row and its events in one statement, the events numbered under the row's lock. Returns the row as it then is. */
async function put(tx: Tx, claim: Claim, columns: Columns, events: NewEvent[]): Promise<Job> {
  const names = Object.entries(columns).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  const set = names.map((name) => Prisma.sql`, ${Prisma.raw(`"${name}" = given_row."${name}"`)}`);
  const [job] = await tx.$queryRaw<Job[]>(Prisma.sql`
    WITH job AS (
      SELECT "id", "lastSequence" FROM "Job" WHERE ${isHeld(claim)} FOR UPDATE
    ), ${addedBehind(events)}
    UPDATE "Job" SET "lastSequence" = ${countedOn}${Prisma.join([Prisma.empty, ...set], '')}
    FROM job, jsonb_populate_record(NULL::"Job", ${JSON.stringify(columns)}::jsonb) given_row WHERE "Job"."id" = job."id"
    RETURNING "Job".*`);
  if (job === undefined) throw lost(claim);
  return job;
}
