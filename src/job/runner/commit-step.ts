/** How a step writes: the row, its events and the step itself in one transaction, and only if the row is still as it was read. */

import { type Job, type JobStatus, Prisma } from '../../../prisma/generated/client/client.ts';
import { lockOwner } from '../../access/ownership.ts';
import type { App } from '../../app/app.ts';
import type { Tx } from '../../database/client.ts';
import { type Added, writeJob } from '../../events/event-log.ts';
import type { NewEvent } from '../../events/payload.ts';
import { failpoint } from '../../runtime/failpoint.ts';
import type { Columns } from '../columns.ts';
import type { Step } from './steps.ts';

/** The row is no longer this step's: another took it over, or the job has ended. What the step did is dropped. */
export class ClaimLost extends Error {
  override name = 'ClaimLost';
}

/** A job as a step holds it: the row as last read or written, and the token that its writes carry. */
export type Claim = {
  readonly step: Step;
  readonly token: string;
  job: Job;
  /** Whether this step may itself do what a job in that state needs next; else, and without this, another one does. */
  readonly mayGoOn?: (status: JobStatus) => boolean;
  /** It may, and is to. */
  goesOn?: boolean;
};

export type Change = {
  /** The row's columns; a function, when they come of other writes of the same transaction. */
  data?: Columns | ((tx: Tx) => Promise<Columns>);
  events?: NewEvent[];
  /** What else belongs to the change. Called behind it, under the row's lock. */
  alongside?: (tx: Tx) => Promise<void>;
  /** Ends the step with this change; a number schedules the next one after so many milliseconds, and ON is at once. */
  next?: { afterMs: number } | 'END' | 'ON';
};

/** The columns that were set, as the row then has them, and what was added to its log. */
type Written = { columns: Partial<Job>; added: Added };

type Parts = Pick<App, 'prisma' | 'events' | 'steps'>;

/**
 * Writes a change. Throws ClaimLost, with nothing written, when the row's state or token is another one by now: pg-boss
 * believes a late worker, so the row must not.
 */
export async function write(
  parts: Parts,
  claim: Claim,
  { data, events = [], alongside, ...then }: Change,
): Promise<void> {
  const status = (typeof data === 'function' ? undefined : data?.status) ?? claim.job.status;
  const goesOn = then.next === 'ON' && claim.mayGoOn?.(status) === true;
  const next = then.next !== 'ON' ? then.next : goesOn ? undefined : { afterMs: 0 };
  const isAlone = typeof data !== 'function' && alongside === undefined && next === undefined;
  // What fal tells while it is followed comes a hundred times a second: that is one statement, and its own transaction.
  const { columns, added } = isAlone
    ? await put(parts.prisma, claim, data ?? {}, events)
    : await parts.prisma.$transaction(async (tx) => {
        // A job's end moves credits, and its owner's row is locked before the job's: avatar/find-avatar.ts has the order.
        if (next === 'END') await lockOwner(tx, claim.job.ownerId);
        // The row's lock is taken before others': under it the columns are still as they were read.
        if (typeof data === 'function') await hold(tx, claim);
        const columns = typeof data === 'function' ? await data(tx) : data;
        const written = await put(tx, claim, columns ?? {}, events);
        await alongside?.(tx);
        if (next !== undefined) await parts.steps.finish(tx, claim.step, next === 'END' ? undefined : next);
        return written;
      });
  claim.job = { ...claim.job, ...columns, lastSequence: added.lastSequence };
  claim.goesOn = goesOn;
  if (events.length > 0) {
    await failpoint('event.written');
    parts.events.handOn(claim.job, added.events);
  }
  if (next !== undefined && next !== 'END' && next.afterMs === 0) parts.steps.wake();
}

const isHeld = ({ token, job: { id, status } }: Claim) =>
  Prisma.sql`"id" = ${id}::uuid AND "status" = ${status}::"JobStatus" AND "attemptToken" = ${token}::uuid`;

export const lost = ({ job }: Claim) => new ClaimLost(`Job ${job.id} is no longer this step's.`);

async function hold(tx: Tx, claim: Claim): Promise<void> {
  const held = await tx.$queryRaw<unknown[]>(Prisma.sql`SELECT 1 FROM "Job" WHERE ${isHeld(claim)} FOR UPDATE`);
  if (held.length === 0) throw lost(claim);
}

/** The row and its events, if the row is still this step's. */
async function put(tx: Tx, claim: Claim, columns: Columns, events: NewEvent[]): Promise<Written> {
  const { token, job } = claim;
  const added = await writeJob(tx, { id: job.id, status: job.status, token }, columns, events);
  if (added === undefined) throw lost(claim);
  const set = Object.entries(columns).filter(([, value]) => value !== undefined);
  return { columns: Object.fromEntries(set), added };
}
