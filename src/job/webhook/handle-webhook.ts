/**
 * A webhook's notice, once it is known to be fal's: the job that its token names is looked at now. A job whose submit was
 * never answered is given its request by it, because the token went out with that request and with no other.
 */
import { type Job, Prisma } from '../../../prisma/generated/client/client.ts';
import type { App } from '../../app/app.ts';
import type { Tx } from '../../database/client.ts';
import { failpoint } from '../../runtime/failpoint.ts';
import { forgetRetired } from '../capacity/retired-endpoints.ts';
import { endpointOf, type StepDependencies } from '../runner/step-dependencies.ts';
import { isEnded } from '../state.ts';
import { learnFalUser, mayBeOurs } from './fal-account.ts';

export type NoticeParts = Pick<App, 'prisma' | 'events' | 'steps' | 'log' | 'now'> &
  Pick<StepDependencies, 'deadlineMs'> & {
    /** Of the key that jobs are submitted with. */
    keyHash: string;
  };

/** fal says that a request is done. What came of it is not taken from here. */
export type JobWebhook = { token: string; requestId: string; falUserId: string };

/**
 * UNKNOWN when the token is no job's, FOREIGN when the request, or the user at fal whose it is, is not the job's; then
 * nothing is written. Told again, it is as told once. It schedules and waits for nothing.
 */
export async function handleWebhook(parts: NoticeParts, notice: JobWebhook): Promise<'TAKEN' | 'UNKNOWN' | 'FOREIGN'> {
  const { prisma, events, steps } = parts;
  const taken = await prisma.$transaction(async (tx) => {
    const job = await lockByToken(tx, notice.token);
    if (job === null) return 'UNKNOWN';
    if (!(await mayBeOurs(tx, parts.keyHash, notice.falUserId))) return 'FOREIGN';
    const outcome =
      job.requestId === null ? await adopt(parts, tx, job, notice) : await recognize(parts, tx, job, notice);
    await failpoint('webhook.stored');
    return outcome;
  });
  if (typeof taken === 'string') return taken;
  if (!isEnded(taken.status)) {
    events.nudge(taken);
    events.notifyWebhook(taken.id);
    steps.wake();
  }
  return 'TAKEN';
}

/**
 * QUEUED → IN_QUEUE, as the lost answer would have done. A step that still waits for that answer loses the row. Late, when
 * the job has ended, it changes nothing.
 */
async function adopt(
  { events, steps, deadlineMs, now, log }: NoticeParts,
  tx: Tx,
  job: Job,
  { requestId }: JobWebhook,
) {
  if (isEnded(job.status)) return job;
  // One signed call, sent to two URLs, must not give one request to two jobs.
  if ((await tx.job.findUnique({ where: { requestId }, select: { id: true } })) !== null) return 'FOREIGN';
  // fal took it soon after; how much later, only its answer would have told.
  const submittedAt = job.submittingAt ?? job.createdAt;
  const deadlineAt = new Date(submittedAt.getTime() + deadlineMs(endpointOf(job)));
  await events.append(tx, job.id, [{ type: 'SUBMITTED', payload: { requestId } }]);
  await steps.hurry(tx, job.id);
  await forgetRetired(tx, job.endpoint);
  log.info({ jobId: job.id, requestId }, 'a request whose submit was not answered is adopted');
  return await tx.job.update({
    where: { id: job.id },
    data: { status: 'IN_QUEUE', requestId, submittedAt, deadlineAt, failures: 0, noticedAt: now() },
  });
}

/** The job's step is brought forward. fal's user is learned, when it was fal's own answer that named the request. */
async function recognize({ steps, now, keyHash }: NoticeParts, tx: Tx, job: Job, { requestId, falUserId }: JobWebhook) {
  if (job.requestId !== requestId) return 'FOREIGN';
  if (job.falUrls !== null) await learnFalUser(tx, keyHash, falUserId);
  if (isEnded(job.status)) return job;
  await steps.hurry(tx, job.id);
  return await tx.job.update({ where: { id: job.id }, data: { noticedAt: job.noticedAt ?? now() } });
}

/** Under the row's lock, so that of a step's write and this one the later sees what the earlier did. */
async function lockByToken(tx: Tx, correlationToken: string): Promise<Job | null> {
  await tx.$queryRaw(Prisma.sql`SELECT 1 FROM "Job" WHERE "correlationToken" = ${correlationToken}::uuid FOR UPDATE`);
  return await tx.job.findUnique({ where: { correlationToken } });
}
