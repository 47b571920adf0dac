/** Runs one step of a job: claims the row, does the work of its status, and carries out the failure policy when that throws. */
import { randomUUID } from 'node:crypto';
import type { Job, JobStatus } from '../../../prisma/generated/client/client.ts';
import { FalError, RequestCancelled, SubmitUnconfirmed } from '../../fal/errors.ts';
import { inJobSpan } from '../../tracing/trace.ts';
import { SubmitsSpent } from '../capacity/submit-budget.ts';
import { CancelRequested, DeadlinePassed, type Decision, decideAfterFailure } from '../failure-policy.ts';
import { isEnded } from '../state.ts';
import { type Claim, ClaimLost, commitStep } from './commit-step.ts';
import { end } from './end.ts';
import { finalize } from './finalize.ts';
import { follow, refresh } from './follow.ts';
import { endpointOf, type StepDependencies } from './step-dependencies.ts';
import type { Step } from './step-queue.ts';
import { submit } from './submit.ts';

/** What a step does. It depends on the job's status; `none` when there is nothing to do. */
export const stepNames = ['submit', 'follow', 'finalize', 'none'] as const;
export type StepName = (typeof stepNames)[number];

/**
 * How a step ended. `advanced`: the job moved on or waits, without a failure. `ended`: the job has ended. `retried`: the
 * step failed and will run again. `lost`: another step has claimed the job. `stopped`: the server stops. `failed`: the
 * database could not be written.
 */
export const stepOutcomes = ['advanced', 'ended', 'retried', 'lost', 'stopped', 'failed'] as const;
export type StepOutcome = (typeof stepOutcomes)[number];

export type StepResult = { step: StepName; outcome: StepOutcome };

/** Whether the process may run a job's next step at once, without the queue. */
export type StepPolicy = { entered(name: StepName): void; mayEnter(name: StepName): boolean };

/** Never continues: every step goes through the queue. Tests use it. */
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
 * Runs one step, and the job's next ones while the policy allows it; calls `onDone` after each. Two concurrent steps of one
 * job do no harm: the later one's token replaces the earlier one's, and the database rejects the earlier one's next write.
 * Throws only when the database cannot be written. The step's lease then expires, and a worker runs the step again. When
 * the signal aborts, it returns soon and leaves the step unfinished; the worker releases the lease.
 */
export async function runStep(
  deps: StepDependencies,
  step: Step,
  signal: AbortSignal,
  {
    policy = singleStep,
    onDone = () => undefined,
  }: { policy?: StepPolicy; onDone?: (result: StepResult) => void } = {},
): Promise<void> {
  if (signal.aborted) return onDone({ step: 'none', outcome: 'stopped' });
  const claim = await claimJob(deps, step, (status) => policy.mayEnter(nameOf[status]));
  if (claim === undefined) return onDone({ step: 'none', outcome: 'ended' });
  do {
    claim.continues = false;
    const { job } = claim;
    const name = nameOf[job.status];
    policy.entered(name);
    const attributes = { 'likeness.job.kind': job.kind, 'likeness.job.endpoint': job.endpoint };
    const outcome = await inJobSpan(`step ${name}`, job, attributes, () => run(deps, claim, signal), problemOf);
    onDone({ step: name, outcome });
  } while (claim.continues && !signal.aborted);
}

const problemOf = (outcome: StepOutcome) => (outcome === 'retried' || outcome === 'lost' ? outcome : undefined);

/** Claims the job for this step with a new token. If the job has ended or was deleted, finishes the step and returns undefined. */
async function claimJob(
  deps: StepDependencies,
  step: Step,
  mayContinue: NonNullable<Claim['mayContinue']>,
): Promise<Claim | undefined> {
  const token = randomUUID();
  const [job]: Job[] = await deps.prisma.job.updateManyAndReturn({
    where: { id: step.jobId, finishedAt: null },
    data: { attemptToken: token },
  });
  if (job !== undefined) return { step, token, job, mayContinue, continues: false };
  await deps.prisma.$transaction((tx) => deps.steps.finish(tx, step));
  return undefined;
}

async function run(deps: StepDependencies, claim: Claim, signal: AbortSignal): Promise<StepOutcome> {
  try {
    const outcome = await doStep(deps, claim, signal).then(
      () => 'advanced' as const,
      async (error: unknown) => {
        claim.continues = false;
        return await handleFailure(deps, claim, error, signal);
      },
    );
    if (isEnded(claim.job.status)) return 'ended';
    if (signal.aborted) return 'stopped';
    return outcome;
  } catch (error) {
    // Another step has claimed the job, or the job has ended. This step stays unfinished until its lease expires.
    if (!(error instanceof ClaimLost)) throw error;
    deps.log.debug({ jobId: claim.step.jobId }, error.message);
    return 'lost';
  }
}

async function doStep(deps: StepDependencies, claim: Claim, signal: AbortSignal): Promise<void> {
  switch (nameOf[claim.job.status]) {
    case 'submit':
      return await submit(deps, claim, signal);
    case 'follow':
      return await follow(deps, claim, signal);
    case 'finalize':
      return await finalize(deps, claim, signal);
    case 'none':
      return await commitStep(deps, claim, { next: 'END' });
  }
}

/** Carries out what the policy decides. A wait without a failure counts as `advanced`. Throws ClaimLost and database errors. */
async function handleFailure(
  deps: StepDependencies,
  claim: Claim,
  error: unknown,
  signal: AbortSignal,
): Promise<'advanced' | 'retried'> {
  if (error instanceof ClaimLost) throw error;
  // The server stops. The row is unchanged, so the next step repeats this one.
  if (signal.aborted) return 'retried';
  if (isEnded(claim.job.status)) throw error;
  // A cancelled or deleted job can make its step fail. refresh() then throws ClaimLost, and the policy is not asked.
  await refresh(deps, claim).catch((failed: unknown) => {
    if (failed instanceof ClaimLost) throw failed;
  });
  const { job } = claim;
  logFailure(deps, job, error);
  const now = deps.now();
  const decision = decideAfterFailure({
    job,
    error,
    now,
    random: deps.random(),
    deadlineMs: deps.deadlineMs(endpointOf(job)),
    hasWebhook: deps.webhookUrl !== undefined,
  });
  await carryOut(deps, claim, decision, now);
  return typeof decision === 'object' && 'retryAt' in decision && decision.failures === job.failures
    ? 'advanced'
    : 'retried';
}

async function carryOut(deps: StepDependencies, claim: Claim, decision: Decision, now: Date): Promise<void> {
  const { job } = claim;
  if (decision === 'CANCEL') return await end(deps, claim, 'CANCELLED');
  if ('retryAt' in decision) {
    const { retryAt, ...data } = decision;
    return await commitStep(deps, claim, { data, next: { afterMs: retryAt.getTime() - now.getTime() } });
  }
  const { failWith, cancelAtFal } = decision;
  if (cancelAtFal && job.requestId !== null) {
    await deps.fal.cancel(endpointOf(job), job.requestId).catch(() => undefined);
  }
  const field = failWith.field === undefined ? undefined : deps.tasks[job.kind].fieldName(job, failWith.field);
  await end(deps, claim, { ...failWith, field });
}

/** Errors of normal operation: they are not logged. */
const expected = [CancelRequested, RequestCancelled, DeadlinePassed, SubmitUnconfirmed, SubmitsSpent];

function logFailure({ log }: StepDependencies, job: Job, error: unknown): void {
  const about = { jobId: job.id, status: job.status, failures: job.failures + 1 };
  if (error instanceof FalError) {
    log.warn({ ...about, code: error.code, falStatus: error.status }, 'fal rejected the call of a step');
  } else if (!expected.some((type) => error instanceof type)) {
    log.error({ ...about, err: error }, 'a step failed unexpectedly');
  }
}
