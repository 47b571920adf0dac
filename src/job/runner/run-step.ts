/** One step of a job: takes the row, does what its state asks for, and says what a fault of it means. */
import { randomUUID } from 'node:crypto';
import type { Job, JobStatus } from '../../../prisma/generated/client/client.ts';
import { FalError } from '../../fal/errors.ts';
import { StorageUnavailable } from '../../storage/blob-store.ts';
import { DiskFull } from '../../storage/disk-space.ts';
import { inJobSpan } from '../../tracing/trace.ts';
import { isEnded, pauseMs, unfinished } from '../state.ts';
import { type Change, type Claim, ClaimLost, write } from './commit-step.ts';
import { end, type Failure } from './end.ts';
import { finalize } from './finalize.ts';
import { follow, isCancelRequested } from './follow.ts';
import { deadlineOf, endpointOf, type StepDependencies } from './step-dependencies.ts';
import type { Step } from './steps.ts';
import { submit } from './submit.ts';

/** Faults that are nobody's to foresee are tried again this often in a row before they end the job. */
const unforeseenAtMost = 10;

const internal: Failure = {
  code: 'INTERNAL',
  message: 'This server could not go on with the job. Its log says why.',
};

/** What a step was for, by the state in which it found its job; `none` when there was nothing to do. */
export const stepNames = ['submit', 'follow', 'finalize', 'none'] as const;
export type StepName = (typeof stepNames)[number];

/**
 * What came of a step: the job is further on, has ended, or is tried again after a fault; the step lost its job to another,
 * or was told to stop.
 */
export const stepOutcomes = ['advanced', 'ended', 'retried', 'lost', 'stopped', 'failed'] as const;
export type StepOutcome = (typeof stepOutcomes)[number];

export type StepDone = { step: StepName; outcome: StepOutcome };

/** How far a step may go. By hand it does one thing; else it goes on with the next, where there is room for that. */
export type StepPolicy = { entered(name: StepName): void; mayEnter(name: StepName): boolean };

export const singleStep: StepPolicy = { entered: () => undefined, mayEnter: () => false };

const nameOf: Record<JobStatus, StepName> = {
  QUEUED: 'submit',
  IN_QUEUE: 'follow',
  IN_PROGRESS: 'follow',
  FINALIZING: 'finalize',
  SUCCEEDED: 'none',
  FAILED: 'none',
  CANCELLED: 'none',
};

/**
 * Runs one step to its end, and tells of each thing that it did. Running two for one job at once is harmless: the later one's token replaces the earlier's,
 * whose next write is refused. It throws only when the database cannot be written; the step's lease then runs out, and it
 * is run again. Told to stop by the signal, it returns soon, with the step not ended: its lease is the worker's to give back.
 */
export async function runStep(
  runner: StepDependencies,
  step: Step,
  signal: AbortSignal,
  { course = singleStep, onDone = () => undefined }: { course?: StepPolicy; onDone?: (done: StepDone) => void } = {},
): Promise<void> {
  if (signal.aborted) return onDone({ step: 'none', outcome: 'stopped' });
  const claim = await take(runner, step, (status) => course.mayEnter(nameOf[status]));
  if (claim === undefined) return onDone({ step: 'none', outcome: 'ended' });
  do {
    claim.goesOn = false;
    const { job } = claim;
    const name = nameOf[job.status];
    course.entered(name);
    const about = { 'likeness.job.kind': job.kind, 'likeness.job.endpoint': job.endpoint };
    const outcome = await inJobSpan(`step ${name}`, job, about, () => run(runner, claim, signal), problemOf);
    onDone({ step: name, outcome });
  } while (claim.goesOn && !signal.aborted);
}

const problemOf = (outcome: StepOutcome) => (outcome === 'retried' || outcome === 'lost' ? outcome : undefined);

async function run(runner: StepDependencies, claim: Claim, signal: AbortSignal): Promise<StepOutcome> {
  try {
    const isDone = await dispatch(runner, claim, signal).then(
      () => true,
      async (error: unknown) => {
        claim.goesOn = false;
        await recover(runner, claim, error, signal);
        return false;
      },
    );
    if (isEnded(claim.job.status)) return 'ended';
    if (signal.aborted) return 'stopped';
    return isDone ? 'advanced' : 'retried';
  } catch (error) {
    // The step is another's by now, or finds its job ended when its lease has run out: it is not this one's to end.
    if (!(error instanceof ClaimLost)) throw error;
    runner.log.debug({ jobId: claim.step.jobId }, error.message);
    return 'lost';
  }
}

/** Makes the row this step's. A step whose job has ended, or gone, is finished with nothing done. */
async function take(
  runner: StepDependencies,
  step: Step,
  mayGoOn: NonNullable<Claim['mayGoOn']>,
): Promise<Claim | undefined> {
  const token = randomUUID();
  const [job]: Job[] = await runner.prisma.job.updateManyAndReturn({
    where: { id: step.jobId, status: { in: [...unfinished] } },
    data: { attemptToken: token },
  });
  if (job !== undefined) return { step, token, job, mayGoOn, goesOn: false };
  await runner.prisma.$transaction((tx) => runner.steps.finish(tx, step));
  return undefined;
}

async function dispatch(runner: StepDependencies, claim: Claim, signal: AbortSignal): Promise<void> {
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
async function recover(runner: StepDependencies, claim: Claim, error: unknown, signal: AbortSignal): Promise<void> {
  if (error instanceof ClaimLost) throw error;
  // The row is as it was, and the next step begins where this one stood.
  if (signal.aborted) return;
  const { job } = claim;
  if (isEnded(job.status)) throw error;
  const failures = job.failures + 1;
  const about = { jobId: job.id, status: job.status, failures };
  const askedMs = error instanceof FalError ? (error.retryAfterMs ?? 0) : 0;
  // As many tries as that takes need an end of their own, also before fal has the job.
  const isLong = error instanceof FalError || error instanceof StorageUnavailable;
  const deadlineAt = isLong ? deadlineOf(runner, job) : job.deadlineAt;
  const afterMs = Math.max(pauseMs(failures, runner.random()), askedMs);
  const isInTime = deadlineAt === null || runner.now().getTime() + afterMs < deadlineAt.getTime();
  const again: Change = { data: { failures, deadlineAt }, next: { afterMs } };
  if (!(error instanceof FalError)) {
    // Cancelled, or its avatar deleted, while the step worked: what it then missed is no fault.
    await assertHeld(runner, claim);
    runner.log.error({ ...about, err: error }, 'a step failed unforeseen');
    // A full disk is emptied sooner or later, and a bucket comes back: what fal has made is worth the wait.
    const isStorage = error instanceof DiskFull || error instanceof StorageUnavailable;
    const mayPass = failures < unforeseenAtMost || (isStorage && isInTime);
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
async function assertHeld(runner: StepDependencies, claim: Claim): Promise<void> {
  await write(runner, claim, {}).catch((error: unknown) => {
    if (error instanceof ClaimLost) throw error;
  });
}
