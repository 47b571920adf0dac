/** One step of a job: takes the row, does what its state asks for, and says what a fault of it means. */
import { randomUUID } from 'node:crypto';
import type { Job } from '../../prisma/generated/client/client.ts';
import { FalError } from '../fal/errors.ts';
import { DiskFull } from '../storage/space.ts';
import { end, type Failure } from './end.ts';
import { finalize } from './finalize.ts';
import { follow, isCancelRequested } from './follow.ts';
import { deadlineOf, endpointOf, type Runner } from './runner.ts';
import { isEnded, pauseMs, unfinished } from './state.ts';
import type { Step } from './steps.ts';
import { submit } from './submit.ts';
import { type Change, type Claim, ClaimLost, write } from './transition.ts';

/** Faults that are nobody's to foresee are tried again this often in a row before they end the job. */
const unforeseenAtMost = 10;

const internal: Failure = {
  code: 'INTERNAL',
  message: 'This server could not go on with the job. Its log says why.',
};

/**
 * Runs one step to its end. Running two for one job at once is harmless: the later one's token replaces the earlier's,
 * whose next write is refused. It throws only when the database cannot be written; the step's lease then runs out, and it
 * is run again. Told to stop by the signal, it returns soon, with the step not ended: its lease is the worker's to give back.
 */
export async function advance(runner: Runner, step: Step, signal: AbortSignal): Promise<void> {
  const claim = signal.aborted ? undefined : await take(runner, step);
  if (claim === undefined) return;
  try {
    await dispatch(runner, claim, signal).catch((error: unknown) => recover(runner, claim, error, signal));
  } catch (error) {
    // The step is another's by now, or finds its job ended when its lease has run out: it is not this one's to end.
    if (!(error instanceof ClaimLost)) throw error;
    runner.log.debug({ jobId: step.jobId }, error.message);
  }
}

/** Makes the row this step's. A step whose job has ended, or gone, is finished with nothing done. */
async function take(runner: Runner, step: Step): Promise<Claim | undefined> {
  const token = randomUUID();
  const [job]: Job[] = await runner.prisma.job.updateManyAndReturn({
    where: { id: step.jobId, status: { in: [...unfinished] } },
    data: { attemptToken: token },
  });
  if (job !== undefined) return { step, token, job };
  await runner.prisma.$transaction((tx) => runner.steps.finish(tx, step));
  return undefined;
}

async function dispatch(runner: Runner, claim: Claim, signal: AbortSignal): Promise<void> {
  switch (claim.job.status) {
    case 'QUEUED':
      return await submit(runner, claim, signal);
    case 'IN_QUEUE':
    case 'IN_PROGRESS':
      return await follow(runner, claim, signal);
    case 'FINALIZING':
      return await finalize(runner, claim, signal);
    case 'SUCCEEDED':
    case 'FAILED':
    case 'CANCELLED':
      return await write(runner, claim, { next: 'END' });
  }
}

/** What fal refused for good ends the job; what may pass is tried again, after a pause, until the deadline. */
async function recover(runner: Runner, claim: Claim, error: unknown, signal: AbortSignal): Promise<void> {
  if (error instanceof ClaimLost) throw error;
  // The row is as it was, and the next step begins where this one stood.
  if (signal.aborted) return;
  const { job } = claim;
  if (isEnded(job.status)) throw error;
  const failures = job.failures + 1;
  const about = { jobId: job.id, status: job.status, failures };
  const askedMs = error instanceof FalError ? (error.retryAfterMs ?? 0) : 0;
  const deadlineAt = error instanceof FalError ? deadlineOf(runner, job) : job.deadlineAt;
  const afterMs = Math.max(pauseMs(failures, runner.random()), askedMs);
  const isInTime = deadlineAt === null || runner.now().getTime() + afterMs < deadlineAt.getTime();
  const again: Change = { data: { failures, deadlineAt }, next: { afterMs } };
  if (!(error instanceof FalError)) {
    // Cancelled, or its avatar deleted, while the step worked: what it then missed is no fault.
    await assertHeld(runner, claim);
    runner.log.error({ ...about, err: error }, 'a step failed unforeseen');
    // A full disk is emptied sooner or later: what fal has made is worth the wait.
    const mayPass = failures < unforeseenAtMost || (error instanceof DiskFull && isInTime);
    if (mayPass) return await write(runner, claim, again);
    // Nobody waits for it any more: what fal need not do is not paid for.
    if (job.requestId !== null) await runner.fal.cancel(endpointOf(job), job.requestId).catch(() => undefined);
    return await end(runner, claim, internal);
  }
  const { code, message } = error;
  runner.log.warn({ ...about, code, falStatus: error.status }, 'fal refused a step');
  // fal never took the request, or it was cancelled in fal's queue and is gone without a trace.
  const isGone = job.requestId === null || code === 'RESULT_LOST';
  if (isGone && (await isCancelRequested(runner, claim))) return await end(runner, claim, 'CANCELLED');
  // A key that fal does not take is the operator's to mend; what already runs at fal is not lost by it.
  const mayPass = error.transient || (code === 'FAL_UNAUTHORIZED' && job.requestId !== null);
  if (mayPass && isInTime) return await write(runner, claim, again);
  const field = error.field === undefined ? undefined : runner.tasks[job.kind].fieldName(job, error.field);
  await end(runner, claim, { code, message, field });
}

/** Throws ClaimLost. A database that fails is the next write's to tell. */
async function assertHeld(runner: Runner, claim: Claim): Promise<void> {
  await write(runner, claim, {}).catch((error: unknown) => {
    if (error instanceof ClaimLost) throw error;
  });
}
