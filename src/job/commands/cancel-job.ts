/** Cancels a job for its owner. */
import type { Job } from '../../../prisma/generated/client/client.ts';
import { Prisma } from '../../../prisma/generated/client/client.ts';
import { lockOwner, owned } from '../../access/ownership.ts';
import type { Viewer } from '../../access/session.ts';
import type { App } from '../../app/app.ts';
import type { Tx } from '../../database/client.ts';
import { settle } from '../../ledger/account.ts';
import { NotFoundError, Refusal } from '../../refusal/refusal.ts';
import { failpoint } from '../../runtime/failpoint.ts';
import { type JobKey } from '../key.ts';
import { cancelled } from '../runner/end.ts';
import { isEnded } from '../state.ts';

/** The job has already ended. */
export class JobFinishedError extends Refusal {
  override name = 'JobFinishedError';
  readonly job: Job;

  constructor(job: Job) {
    super(`The job has ended already: it is ${job.status}.`);
    this.job = job;
  }
}

type Parts = Pick<App, 'prisma' | 'events' | 'steps' | 'tasks' | 'now'>;

/**
 * Cancels a job of the viewer. A job that was not submitted yet ends at once. For any other job fal is asked to stop: the
 * job then ends CANCELLED, or SUCCEEDED if fal finished first. Cancelling it again changes nothing. Throws NotFoundError
 * and JobFinishedError.
 */
export async function cancelJob(app: Parts, viewer: Viewer, key: JobKey): Promise<Job> {
  const job = await app.prisma.$transaction(async (tx) => {
    const found = await tx.job.findFirst({ where: { ...owned.jobs(viewer), ...key } });
    if (found === null) throw new NotFoundError('job');
    await lockOwner(tx, viewer.id);
    return await cancelInTransaction(app, tx, found.id);
  });
  await failpoint('cancel.recorded');
  announceCancel(app, job);
  return job;
}

/**
 * The same within the caller's transaction. The caller has checked that the viewer owns the job, has locked the owner's
 * row, and calls `announceCancel` after the commit. Throws JobFinishedError.
 *
 * `deleteAvatar` also calls this, for each unfinished job of the avatar, and ignores JobFinishedError only: any other error
 * that is added here keeps the avatar from being deleted.
 */
export async function cancelInTransaction(app: Parts, tx: Tx, jobId: string): Promise<Job> {
  await tx.$queryRaw(Prisma.sql`SELECT 1 FROM "Job" WHERE "id" = ${jobId}::uuid FOR UPDATE`);
  const job = await tx.job.findUniqueOrThrow({ where: { id: jobId } });
  if (isEnded(job.status)) throw new JobFinishedError(job);
  if (job.status === 'QUEUED' && job.submittingAt === null) {
    const { data, event } = cancelled(job, app.now());
    await settle(tx, job, 0);
    await app.tasks[job.kind].release(tx, job, 'CANCELLED');
    await app.events.append(tx, jobId, [event]);
    // Without the token, a step that is preparing the submit cannot commit its intent, so it sends nothing.
    return await tx.job.update({ where: { id: jobId }, data: { ...data, attemptToken: null } });
  }
  return await tx.job.update({
    where: { id: jobId },
    data: { cancelRequestedAt: job.cancelRequestedAt ?? app.now() },
  });
}

/** Call it after the commit: it notifies subscribers, and the step that follows the job, which asks fal to stop. */
export function announceCancel(app: Parts, job: Job): void {
  app.events.nudge(job);
  if (!isEnded(job.status)) app.events.requestCancel(job.id);
}
