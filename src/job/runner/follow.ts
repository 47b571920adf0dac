/**
 * IN_QUEUE, IN_PROGRESS → FINALIZING: follows fal's status and writes down what it tells, until the request is done or
 * this step has had its time. It holds nothing that the next step would miss.
 */

import type { Job } from '../../../prisma/generated/client/client.ts';
import { FalError, RequestCancelled } from '../../fal/errors.ts';
import type { RequestStatus } from '../../fal/port.ts';
import { failureOfStatus } from '../../fal/refusals.ts';
import { failpoint } from '../../runtime/failpoint.ts';
import { typicalMs } from '../typical-duration.ts';
import { type Claim, lost, write } from './commit-step.ts';
import { end, type Failure } from './end.ts';
import { Recorder } from './recorder.ts';
import { endpointOf, requestIdOf, type StepDependencies } from './step-dependencies.ts';

/** However late fal is done, there is so much time to copy what it made. */
const finalizingMs = 10 * 60_000;

/** fal is said to be done: so long it may take to say so itself. */
const noticedMs = 3_000;

const timedOut: Failure = {
  code: 'TIMED_OUT',
  message: 'fal did not finish before the job’s deadline. It was asked to stop.',
};

export async function follow(runner: StepDependencies, claim: Claim, signal: AbortSignal): Promise<void> {
  const job = await readAgain(runner, claim);
  const leftMs = (job.deadlineAt?.getTime() ?? 0) - runner.now().getTime();
  const isLate = leftMs <= 0;
  if (isLate) {
    // Nobody may have looked for long. Asked to stop, fal also says whether it was first: then its result is taken.
    const told = await runner.fal.cancel(endpointOf(job), requestIdOf(job));
    if (told !== 'ALREADY_COMPLETED') return await end(runner, claim, timedOut);
  }
  const forMs = job.noticedAt === null ? runner.followMs : Math.min(runner.followMs, noticedMs);
  const last = await watch(runner, claim, isLate ? forMs : Math.min(forMs, leftMs), signal);
  if (last?.status !== 'COMPLETED') {
    if (signal.aborted) return;
    if (isLate) return await end(runner, claim, timedOut);
    if (job.noticedAt === null) return await write(runner, claim, { next: 'ON' });
    // A webhook alone suffices: when no status can be read, the result says whether it was right.
    if (last === undefined && (await hasResult(runner, claim, signal))) return await toFinalizing(runner, claim);
    return await write(runner, claim, { data: { noticedAt: null }, next: 'ON' });
  }
  if (last.error !== undefined) return await endWithError(runner, claim, last, isLate, signal);
  await toFinalizing(runner, claim);
}

/** Whether fal gives a result, or says why there will be none. One that it does not find may be one to come. */
async function hasResult(runner: StepDependencies, { job }: Claim, signal: AbortSignal): Promise<boolean> {
  const told = await runner.fal.result(endpointOf(job), requestIdOf(job), signal).catch((error: unknown) => error);
  if (told instanceof FalError) return !told.transient && told.code !== 'RESULT_LOST';
  return !(told instanceof Error) || told instanceof RequestCancelled;
}

async function toFinalizing(runner: StepDependencies, claim: Claim): Promise<void> {
  const { job } = claim;
  const copyUntil = runner.now().getTime() + finalizingMs;
  await write(runner, claim, {
    data: {
      status: 'FINALIZING',
      queuePosition: null,
      failures: 0,
      deadlineAt: new Date(Math.max(job.deadlineAt?.getTime() ?? 0, copyUntil)),
    },
    events: [{ type: 'FINALIZING', payload: {} }],
    next: 'ON',
  });
}

/** Follows for so long at most, and returns the last status. All that was seen is written by then. */
async function watch(
  runner: StepDependencies,
  claim: Claim,
  forMs: number,
  signal: AbortSignal,
): Promise<RequestStatus | undefined> {
  const { job } = claim;
  const letGo = new AbortController();
  const abort = () => letGo.abort();
  const stopListening = [
    runner.events.onCancelRequest(job.id, () => void askToCancel(runner, claim)),
    // The next step begins with a read: whatever a silent stream keeps back, that says it.
    runner.events.onNews(job.id, abort),
  ];
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  const stopTimer = runner.timers.after(forMs, abort);
  try {
    // Read behind the listening: a request to cancel is heard of in one way or the other.
    if (await isCancelRequested(runner, claim)) await askToCancel(runner, claim);
    const recorder = new Recorder(runner, claim, () => typicalMs(runner.prisma, endpointOf(job)), abort);
    let last: RequestStatus | undefined;
    try {
      for await (const status of runner.fal.follow(endpointOf(job), requestIdOf(job), letGo.signal)) {
        await recorder.see(status);
        last = status;
      }
    } finally {
      await recorder.close();
    }
    return last;
  } finally {
    stopTimer();
    for (const stop of stopListening) stop();
    signal.removeEventListener('abort', abort);
  }
}

/** Whether the owner has asked to cancel the job by now. */
export async function isCancelRequested(runner: StepDependencies, claim: Claim): Promise<boolean> {
  const { cancelRequestedAt } = await readAgain(runner, claim);
  return cancelRequestedAt !== null;
}

/** What others write of a job that is at fal, as it is by now. Throws ClaimLost. */
async function readAgain({ prisma }: StepDependencies, claim: Claim): Promise<Job> {
  const row = await prisma.job.findUnique({
    where: { id: claim.job.id },
    select: { cancelRequestedAt: true, noticedAt: true, attemptToken: true },
  });
  if (row?.attemptToken !== claim.token) throw lost(claim);
  claim.job = { ...claim.job, ...row };
  return claim.job;
}

/** COMPLETED with an error: the result's own refusal says more than the status, when it says anything. */
async function endWithError(
  runner: StepDependencies,
  claim: Claim,
  last: RequestStatus,
  isLate: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { job } = claim;
  const told = await runner.fal.result(endpointOf(job), requestIdOf(job), signal).catch((error: unknown) => error);
  const isFinal = told instanceof RequestCancelled || (told instanceof FalError && !told.transient);
  const reason = isFinal ? told : failureOfStatus(last);
  // Late, it was this server that asked: in a step that did not live to say so.
  if (reason instanceof RequestCancelled) return await end(runner, claim, isLate ? timedOut : 'CANCELLED');
  throw reason ?? new Error(`fal calls request ${job.requestId} failed and gives no reason.`);
}

/** Asks fal to stop. That it was asked is no proof that it did, and that it could not be asked is no reason to stop following. */
async function askToCancel(runner: StepDependencies, { job }: Claim): Promise<void> {
  try {
    await runner.fal.cancel(endpointOf(job), requestIdOf(job));
    await failpoint('cancel.asked');
  } catch (error) {
    runner.log.warn({ jobId: job.id, err: error }, 'fal could not be asked to cancel');
  }
}
