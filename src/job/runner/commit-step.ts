/** How a step writes: the job's row, its events and the step itself, in one transaction, if the step still holds its claim. */
import { type Job, type JobStatus, Prisma } from '../../../prisma/generated/client/client.ts';
import { lockOwner } from '../../access/ownership.ts';
import type { App } from '../../app/app.ts';
import type { Tx } from '../../database/client.ts';
import { type AppendedEvents, writeJob } from '../../events/event-log.ts';
import type { NewEvent } from '../../events/payload.ts';
import { failpoint } from '../../runtime/failpoint.ts';
import type { Columns } from '../columns.ts';
import type { Step } from './step-queue.ts';

/** Another step has claimed the job, or the job has ended: this step may write nothing more. */
export class ClaimLost extends Error {
  override name = 'ClaimLost';

  constructor({ job }: Claim) {
    super(`The step has lost its claim on job ${job.id}.`);
  }
}

/** A step's claim on its job: the step may write to the row while the row has this token. */
export type Claim = {
  readonly step: Step;
  /** The row's attemptToken while the claim holds. */
  readonly token: string;
  /** The row as last read or written. */
  job: Job;
  /** Whether this process may run the job's next step at once, for a job in that status. Without it, the next step is enqueued. */
  readonly mayContinue?: (status: JobStatus) => boolean;
  /** Set by a commit with `next: 'CONTINUE'`: whether the next step runs at once. */
  continues?: boolean;
};

export type Change = {
  /** The row's columns; a function when they depend on other writes of the same transaction. */
  data?: Columns | ((tx: Tx) => Promise<Columns>);
  events?: NewEvent[];
  /** Further writes in the same transaction, after the row is written and while it is locked. */
  alsoWrite?: (tx: Tx) => Promise<void>;
  /** END finishes the step. `afterMs` also schedules the next one. CONTINUE runs the next one at once if the claim allows it, otherwise enqueues it. Undefined: this step goes on. */
  next?: { afterMs: number } | 'END' | 'CONTINUE';
};

type Parts = Pick<App, 'prisma' | 'events' | 'steps'>;

/**
 * Commits a change. Throws ClaimLost, and writes nothing, when the row's status or token has changed. pg-boss does not check
 * that: it lets a worker finish a step whose lease has expired.
 */
export async function commitStep(parts: Parts, claim: Claim, change: Change): Promise<void> {
  const { data, events = [], alsoWrite } = change;
  const status = (typeof data === 'function' ? undefined : data?.status) ?? claim.job.status;
  const continues = change.next === 'CONTINUE' && claim.mayContinue?.(status) === true;
  const next = change.next !== 'CONTINUE' ? change.next : continues ? undefined : { afterMs: 0 };
  const isOneStatement = typeof data !== 'function' && alsoWrite === undefined && next === undefined;
  // A step that follows fal writes up to a hundred times a second. One statement needs no explicit transaction.
  const { columns, appended } = isOneStatement
    ? await writeRow(parts.prisma, claim, data ?? {}, events)
    : await parts.prisma.$transaction(async (tx) => {
        // The end of a job moves credits, so the owner's row is locked before the job's: the order of access/ownership.ts.
        if (next === 'END') await lockOwner(tx, claim.job.ownerId);
        // The row is locked before other rows are written, so that the claim still holds when `data` runs.
        if (typeof data === 'function') await lockRow(tx, claim);
        const set = typeof data === 'function' ? await data(tx) : data;
        const written = await writeRow(tx, claim, set ?? {}, events);
        await alsoWrite?.(tx);
        if (next !== undefined) await parts.steps.finish(tx, claim.step, next === 'END' ? undefined : next);
        return written;
      });
  claim.job = { ...claim.job, ...columns, lastSequence: appended.lastSequence };
  claim.continues = continues;
  if (events.length > 0) {
    await failpoint('event.written');
    parts.events.publish(claim.job, appended.events);
  }
  if (next !== undefined && next !== 'END' && next.afterMs === 0) parts.steps.wake();
}

const isClaimed = ({ token, job: { id, status } }: Claim) =>
  Prisma.sql`"id" = ${id}::uuid AND "status" = ${status}::"JobStatus" AND "attemptToken" = ${token}::uuid`;

async function lockRow(tx: Tx, claim: Claim): Promise<void> {
  const locked = await tx.$queryRaw<unknown[]>(Prisma.sql`SELECT 1 FROM "Job" WHERE ${isClaimed(claim)} FOR UPDATE`);
  if (locked.length === 0) throw new ClaimLost(claim);
}

async function writeRow(
  tx: Tx,
  claim: Claim,
  columns: Columns,
  events: NewEvent[],
): Promise<{ columns: Partial<Job>; appended: AppendedEvents }> {
  const { token, job } = claim;
  const appended = await writeJob(tx, { id: job.id, status: job.status, token }, columns, events);
  if (appended === undefined) throw new ClaimLost(claim);
  const set = Object.entries(columns).filter(([, value]) => value !== undefined);
  return { columns: Object.fromEntries(set), appended };
}
