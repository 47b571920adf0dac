/** How a step writes: the row, its events and the step itself in one transaction, and only if the row is still as it was read. */
import { type Job, Prisma } from '../../prisma/generated/client/client.ts';
import type { App } from '../app.ts';
import type { Tx } from '../database/client.ts';
import type { NewEvent } from '../event/payload.ts';
import { failpoint } from '../failpoint.ts';
import type { Step } from './steps.ts';

/** The row is no longer this step's: another took it over, or the job has ended. What the step did is dropped. */
export class ClaimLost extends Error {
  override name = 'ClaimLost';
}

/** A job as a step holds it: the row as last read or written, and the token that its writes carry. */
export type Claim = { readonly step: Step; readonly token: string; job: Job };

type Columns = Prisma.JobUncheckedUpdateInput;

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
export async function write(parts: Parts, claim: Claim, change: Change): Promise<void> {
  const { step, token } = claim;
  const { id, status } = claim.job;
  const events = change.events ?? [];
  claim.job = await parts.prisma.$transaction(async (tx) => {
    // The row's lock is taken first: under it the columns are still as they were read, and the events are numbered.
    const held = await tx.$queryRaw<unknown[]>(Prisma.sql`
      SELECT 1 FROM "Job" WHERE "id" = ${id}::uuid AND "status" = ${status}::"JobStatus" AND "attemptToken" = ${token}::uuid FOR UPDATE`);
    if (held.length === 0) throw new ClaimLost(`Job ${id} is no longer this step's.`);
    const data = typeof change.data === 'function' ? await change.data(tx) : change.data;
    await change.alongside?.(tx);
    if (events.length > 0) await parts.events.append(tx, id, events);
    if (change.next !== undefined) await parts.steps.finish(tx, step, change.next === 'END' ? undefined : change.next);
    return await tx.job.update({ where: { id }, data: data ?? {} });
  });
  if (events.length > 0) {
    await failpoint('event.written');
    parts.events.nudge(claim.job);
  }
  if (change.next !== undefined && change.next !== 'END' && change.next.afterMs === 0) parts.steps.wake();
}
