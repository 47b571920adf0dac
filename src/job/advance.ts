/** One step of a job: takes the row, does what its state asks for, and says what a fault of it means. */
import { randomUUID } from 'node:crypto';
import type { Job } from '../../prisma/generated/client/client.ts';
import { FalError } from '../fal/errors.ts';
import { end } from './end.ts';
import { finalize } from './finalize.ts';
import { follow } from './follow.ts';
import type { Runner } from './runner.ts';
import { isEnded, pauseMs, unfinished } from './state.ts';
import type { Step } from './steps.ts';
import { submit } from './submit.ts';
import { type Claim, ClaimLost, write } from './transition.ts';

/** Faults that are nobody's to foresee are tried again this often in a row before they end the job. */
const unforeseenAtMost = 10;

/**
 * Runs one step to its end. Running two for one job at once is harmless: the later one's token replaces the earlier's,
 * whose next write is refused. It throws only when the database cannot be written; the step's lease then runs out, and it
 * is run again.
 */
export async function advance(runner: Runner, step: Step, signal: AbortSignal): Promise<void> {
  const claim = await take(runner, step);
  if (claim === undefined) return;
  try {
    await dispatch(runner, claim, signal);
  } catch (error) {
    if (error instanceof ClaimLost) return runner.log.debug({ jobId: step.jobId }, error.message);
    // Told to stop: the row is as it was, and the next step begins where this one stood.
    if (signal.aborted) return await write(runner, claim, { next: { afterMs: 0 } });
    await recover(runner, claim, error);
  }
}

/** Makes the row this step's. A step whose job has ended, or gone, is finished with nothing done. */
async function take(runner: Runner, step: Step): Promise<Claim | undefined> {
  const token = randomUUID();
  return await runner.prisma.$transaction(async (tx) => {
    const [job]: Job[] = await tx.job.updateManyAndReturn({
      where: { id: step.jobId, status: { in: [...unfinished] } },
      data: { attemptToken: token },
    });
    if (job !== undefined) return { step, token, job };
    await runner.steps.finish(tx, step);
    return undefined;
  });
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
async function recover(runner: Runner, claim: Claim, error: unknown): Promise<void> {
  const { job } = claim;
  if (isEnded(job.status)) throw error;
  const failures = job.failures + 1;
  const pause = pauseMs(failures, runner.random());
  if (!(error instanceof FalError)) {
    runner.log.error({ jobId: job.id, status: job.status, failures, err: error }, 'a step failed unforeseen');
    if (failures < unforeseenAtMost)
      return await write(runner, claim, { data: { failures }, next: { afterMs: pause } });
    return await end(runner, claim, {
      code: 'INTERNAL',
      message: 'This server could not go on with the job. Its log says why.',
    });
  }
  const { code, message } = error;
  runner.log.warn({ jobId: job.id, status: job.status, failures, code, falStatus: error.status }, 'fal refused a step');
  // A request that was cancelled in fal's queue may be gone without a trace.
  if (code === 'RESULT_LOST' && job.cancelRequestedAt !== null) return await end(runner, claim, 'CANCELLED');
  // A key that fal does not take is the operator's to mend; what already runs at fal is not lost by it.
  const mayPass = error.transient || (code === 'FAL_UNAUTHORIZED' && job.requestId !== null);
  const afterMs = Math.max(pause, error.retryAfterMs ?? 0);
  const isInTime = job.deadlineAt === null || runner.now().getTime() + afterMs < job.deadlineAt.getTime();
  if (mayPass && isInTime) return await write(runner, claim, { data: { failures }, next: { afterMs } });
  const field = error.field === undefined ? undefined : runner.tasks[job.kind].fieldName(job, error.field);
  await end(runner, claim, { code, message, field });
}
