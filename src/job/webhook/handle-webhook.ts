/**
 * Handles a webhook whose signature is verified. Its token names a job, whose next step then runs at once. If fal's answer
 * to the job's submit was lost, the webhook supplies the request id: the token was sent with that one request only.
 */
import { type Job, Prisma } from '../../../prisma/generated/client/client.ts';
import type { App } from '../../app/app.ts';
import type { Tx } from '../../database/client.ts';
import { failpoint } from '../../runtime/failpoint.ts';
import { forgetRetired } from '../capacity/retired-endpoints.ts';
import { endpointOf, type StepDependencies } from '../runner/step-dependencies.ts';
import { isEnded } from '../state.ts';
import { learnFalUser, mayBeOurs } from './fal-account.ts';

export type WebhookParts = Pick<App, 'prisma' | 'events' | 'steps' | 'log' | 'now'> &
  Pick<StepDependencies, 'deadlineMs'> & {
    /** The hash of the fal key that submits jobs: see fal-account.ts. */
    keyHash: string;
  };

/** fal reports that a request is done. Its result is not in here: the job's step reads it from fal. */
export type JobWebhook = { token: string; requestId: string; falUserId: string };

/**
 * Returns UNKNOWN when no job has the token, and FOREIGN when the request or the fal user is not the job's; both write
 * nothing. A repeated webhook changes nothing. It does not wait for the job's step.
 */
export async function handleWebhook(
  parts: WebhookParts,
  webhook: JobWebhook,
): Promise<'TAKEN' | 'UNKNOWN' | 'FOREIGN'> {
  const { prisma, events, steps } = parts;
  const outcome = await prisma.$transaction(async (tx) => {
    const job = await lockByToken(tx, webhook.token);
    if (job === null) return 'UNKNOWN';
    if (!(await mayBeOurs(tx, parts.keyHash, webhook.falUserId))) return 'FOREIGN';
    const result =
      job.requestId === null ? await recordRequest(parts, tx, job, webhook) : await hurryStep(parts, tx, job, webhook);
    await failpoint('webhook.stored');
    return result;
  });
  if (typeof outcome === 'string') return outcome;
  if (!isEnded(outcome.status)) {
    events.nudge(outcome);
    events.notifyWebhook(outcome.id);
    steps.wake();
  }
  return 'TAKEN';
}

/**
 * QUEUED → IN_QUEUE, as fal's lost answer would have done. A step that still waits for that answer loses its claim. Changes
 * nothing when the job has ended.
 */
async function recordRequest(
  { events, steps, deadlineMs, now, log }: WebhookParts,
  tx: Tx,
  job: Job,
  { requestId }: JobWebhook,
) {
  if (isEnded(job.status)) return job;
  // A webhook that is replayed to another job's URL must not give one request to two jobs.
  if ((await tx.job.findUnique({ where: { requestId }, select: { id: true } })) !== null) return 'FOREIGN';
  // fal accepted it shortly after; only the lost answer would have shown when exactly.
  const submittedAt = job.submittingAt ?? job.createdAt;
  const deadlineAt = new Date(submittedAt.getTime() + deadlineMs(endpointOf(job)));
  await events.append(tx, job.id, [{ type: 'SUBMITTED', payload: { requestId } }]);
  await steps.hurry(tx, job.id);
  await forgetRetired(tx, job.endpoint);
  log.info({ jobId: job.id, requestId }, 'a webhook supplied the request of a submit whose answer was lost');
  return await tx.job.update({
    where: { id: job.id },
    data: { status: 'IN_QUEUE', requestId, submittedAt, deadlineAt, failures: 0, noticedAt: now() },
  });
}

/** Makes the job's step due now. Records the fal user if the request id came from fal's answer, not from a webhook. */
async function hurryStep(
  { steps, now, keyHash }: WebhookParts,
  tx: Tx,
  job: Job,
  { requestId, falUserId }: JobWebhook,
) {
  if (job.requestId !== requestId) return 'FOREIGN';
  if (job.falUrls !== null) await learnFalUser(tx, keyHash, falUserId);
  if (isEnded(job.status)) return job;
  await steps.hurry(tx, job.id);
  return await tx.job.update({ where: { id: job.id }, data: { noticedAt: job.noticedAt ?? now() } });
}

/** Locks the job's row, so that of this write and a step's write the later one sees the earlier. */
async function lockByToken(tx: Tx, correlationToken: string): Promise<Job | null> {
  await tx.$queryRaw(Prisma.sql`SELECT 1 FROM "Job" WHERE "correlationToken" = ${correlationToken}::uuid FOR UPDATE`);
  return await tx.job.findUnique({ where: { correlationToken } });
}
