/**
 * IN_QUEUE, IN_PROGRESS → FINALIZING: follows fal's status and records it, until the request is done or this step's time is
 * up. All state is in the job's row, so any step can continue where another stopped.
 */
import type { Job } from '../../../prisma/generated/client/client.ts';
import { FalError, RequestCancelled } from '../../fal/errors.ts';
import type { RequestStatus } from '../../fal/port.ts';
import { failureOfStatus } from '../../fal/refusals.ts';
import { failpoint } from '../../runtime/failpoint.ts';
import { DeadlinePassed } from '../failure-policy.ts';
import { typicalMs } from '../typical-duration.ts';
import { type Claim, ClaimLost, commitStep } from './commit-step.ts';
import { Recorder } from './recorder.ts';
import { endpointOf, requestIdOf, type StepDependencies } from './step-dependencies.ts';

/** A job gets at least this long to copy its results, however late fal finishes. */
const finalizingMs = 10 * 60_000;

/** After a webhook reports the request as done, the step waits this long for fal's status to confirm it. */
const afterWebhookMs = 3_000;

/** Throws DeadlinePassed, errors of calls to fal, and the error that fal reports for the request. */
export async function follow(deps: StepDependencies, claim: Claim, signal: AbortSignal): Promise<void> {
  const job = await refresh(deps, claim);
  const leftMs = (job.deadlineAt?.getTime() ?? 0) - deps.now().getTime();
  const isLate = leftMs <= 0;
  // Too late: cancel at fal. If fal had already completed the request, use its result: this server may have been down.
  if (isLate && (await deps.fal.cancel(endpointOf(job), requestIdOf(job))) !== 'ALREADY_COMPLETED') {
    throw new DeadlinePassed();
  }
  const maxMs = job.noticedAt === null ? deps.followMs : Math.min(deps.followMs, afterWebhookMs);
  const last = await watch(deps, claim, isLate ? maxMs : Math.min(maxMs, leftMs), signal);
  if (last?.status === 'COMPLETED') {
    if (last.error === undefined) return await toFinalizing(deps, claim);
    const error = await errorOf(deps, job, last, signal);
    // An earlier step cancelled the request because of the deadline, and crashed before it recorded that.
    throw isLate && error instanceof RequestCancelled ? new DeadlinePassed() : error;
  }
  if (signal.aborted) return;
  if (isLate) throw new DeadlinePassed();
  if (job.noticedAt === null) return await commitStep(deps, claim, { next: 'CONTINUE' });
  // When no status can be read, the result shows whether the webhook was right.
  if (last === undefined && (await hasResult(deps, claim, signal))) return await toFinalizing(deps, claim);
  await commitStep(deps, claim, { data: { noticedAt: null }, next: 'CONTINUE' });
}

/** Whether fal has a result or a final error. "Not found" is not final: the result may still appear. */
async function hasResult(deps: StepDependencies, { job }: Claim, signal: AbortSignal): Promise<boolean> {
  const result = await deps.fal.result(endpointOf(job), requestIdOf(job), signal).catch((error: unknown) => error);
  if (result instanceof FalError) return !result.transient && result.code !== 'RESULT_LOST';
  return !(result instanceof Error) || result instanceof RequestCancelled;
}

async function toFinalizing(deps: StepDependencies, claim: Claim): Promise<void> {
  const copyUntil = deps.now().getTime() + finalizingMs;
  await commitStep(deps, claim, {
    data: {
      status: 'FINALIZING',
      queuePosition: null,
      failures: 0,
      deadlineAt: new Date(Math.max(claim.job.deadlineAt?.getTime() ?? 0, copyUntil)),
    },
    events: [{ type: 'FINALIZING', payload: {} }],
    next: 'CONTINUE',
  });
}

/** Follows for at most `maxMs` and returns the last status. By then every status that fal sent is recorded. */
async function watch(
  deps: StepDependencies,
  claim: Claim,
  maxMs: number,
  signal: AbortSignal,
): Promise<RequestStatus | undefined> {
  const { job } = claim;
  const stop = new AbortController();
  const abort = () => stop.abort();
  const stopListening = [
    deps.events.onCancelRequest(job.id, () => void requestCancelAtFal(deps, claim)),
    // The stream may stay silent after a webhook. The next step starts by reading the status.
    deps.events.onWebhook(job.id, abort),
  ];
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  const stopTimer = deps.timers.after(maxMs, abort);
  try {
    // Read after the listener is registered, so that no request to cancel is missed.
    if (await isCancelRequested(deps, claim)) await requestCancelAtFal(deps, claim);
    const recorder = new Recorder(deps, claim, () => typicalMs(deps.prisma, endpointOf(job)), abort);
    let last: RequestStatus | undefined;
    try {
      for await (const status of deps.fal.follow(endpointOf(job), requestIdOf(job), stop.signal)) {
        await recorder.record(status);
        last = status;
      }
    } finally {
      await recorder.close();
    }
    return last;
  } finally {
    stopTimer();
    for (const stopOne of stopListening) stopOne();
    signal.removeEventListener('abort', abort);
  }
}

async function isCancelRequested(deps: StepDependencies, claim: Claim): Promise<boolean> {
  const { cancelRequestedAt } = await refresh(deps, claim);
  return cancelRequestedAt !== null;
}

/** Reads again the columns that cancelJob and webhooks write while a step runs. Throws ClaimLost. */
export async function refresh({ prisma }: Pick<StepDependencies, 'prisma'>, claim: Claim): Promise<Job> {
  const row = await prisma.job.findUnique({
    where: { id: claim.job.id },
    select: { cancelRequestedAt: true, noticedAt: true, attemptToken: true },
  });
  if (row?.attemptToken !== claim.token) throw new ClaimLost(claim);
  claim.job = { ...claim.job, ...row };
  return claim.job;
}

/** The error of a request that completed with one: from the result if it has a final error, otherwise from the status. */
async function errorOf(deps: StepDependencies, job: Job, last: RequestStatus, signal: AbortSignal): Promise<unknown> {
  const result = await deps.fal.result(endpointOf(job), requestIdOf(job), signal).catch((error: unknown) => error);
  const isFinal = result instanceof RequestCancelled || (result instanceof FalError && !result.transient);
  if (isFinal) return result;
  return failureOfStatus(last) ?? new Error(`fal reports request ${job.requestId} as failed and gives no reason.`);
}

/** Never throws. fal may not obey, and a failed call is only logged: the step follows the request in both cases. */
async function requestCancelAtFal(deps: StepDependencies, { job }: Claim): Promise<void> {
  try {
    await deps.fal.cancel(endpointOf(job), requestIdOf(job));
    await failpoint('cancel.asked');
  } catch (error) {
    deps.log.warn({ jobId: job.id, err: error }, 'the request could not be cancelled at fal');
  }
}
