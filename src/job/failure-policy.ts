/**
 * What happens to a job when a step of it failed: try again, fail, or cancel. Pure: steps throw, this decides, and
 * runner/run-step.ts carries it out.
 */
import type { Job, JobErrorCode } from '../../prisma/generated/client/client.ts';
import { FalError, RequestCancelled, SubmitUnconfirmed } from '../fal/errors.ts';
import { backoffMs } from '../fal/http/backoff.ts';
import { StorageUnavailable } from '../storage/blob-store.ts';
import { DiskFull } from '../storage/disk-space.ts';
import { SubmitsSpent } from './capacity/submit-budget.ts';

/** The job's deadline has passed, and fal has not finished it. */
export class DeadlinePassed extends Error {
  override name = 'DeadlinePassed';
}

/** The owner asked to cancel the job, and fal does not have it. */
export class CancelRequested extends Error {
  override name = 'CancelRequested';
}

/** Why a job fails, as its row and its last event record it. */
export type Failure = { code: JobErrorCode; message: string; field?: string | undefined };

export type StepFailure = {
  /** As the database has it after the failure. */
  job: Pick<Job, 'status' | 'failures' | 'deadlineAt' | 'requestId' | 'cancelRequestedAt'>;
  error: unknown;
  now: Date;
  /** At least 0, under 1. */
  random: number;
  /** How long a job on this endpoint may take, from its first try on, and again from its submit. */
  deadlineMs: number;
  /** Whether fal can send this server a webhook, which may name the request of a submit whose answer was lost. */
  hasWebhook: boolean;
};

export type Decision =
  /** Run the next step then, and record these columns. */
  | { retryAt: Date; failures: number; deadlineAt: Date | null }
  /** End the job FAILED. `field` is in fal's words. With `cancelAtFal`, ask fal first to stop the request. */
  | { failWith: Failure; cancelAtFal: boolean }
  /** End the job CANCELLED. */
  | 'CANCEL';

/** Unforeseen errors in a row that end a job. */
export const maxUnforeseenFailures = 10;

const timedOut: Failure = {
  code: 'TIMED_OUT',
  message: 'fal did not finish before the job’s deadline. It was asked to stop.',
};

const unconfirmed: Failure = {
  code: 'SUBMIT_UNCONFIRMED',
  message:
    'fal’s answer to the submit was lost. fal may have run the request, and billed it; it was not sent a second time. Retry to start anew.',
};

const throttled: Failure = {
  code: 'RATE_LIMITED',
  message: 'fal took no more requests of this server’s key until the job’s deadline. Retry later.',
};

const internal: Failure = {
  code: 'INTERNAL',
  message: 'This server could not go on with the job. Its log says why.',
};

export function decideAfterFailure(failure: StepFailure): Decision {
  const { error } = failure;
  if (error instanceof CancelRequested || error instanceof RequestCancelled) return 'CANCEL';
  if (error instanceof DeadlinePassed) return failWith(timedOut);
  if (error instanceof SubmitUnconfirmed) return afterUnconfirmedSubmit(failure);
  if (error instanceof SubmitsSpent) return afterSubmitsSpent(failure, error.afterMs);
  return error instanceof FalError ? afterFalError(failure, error) : afterUnforeseen(failure);
}

/** A second submit could be paid twice. A webhook may still name the request: the job waits for it until its deadline. */
function afterUnconfirmedSubmit({ job: { deadlineAt, failures }, now, hasWebhook }: StepFailure): Decision {
  if (!hasWebhook || deadlineAt === null || deadlineAt <= now) return failWith(unconfirmed);
  return { retryAt: deadlineAt, failures, deadlineAt };
}

/** Nothing was sent and nothing failed: the submit is due when the budget has room, unless that is too late. */
function afterSubmitsSpent(failure: StepFailure, afterMs: number): Decision {
  const deadlineAt = deadlineOf(failure);
  const retryAt = later(failure.now, afterMs);
  return retryAt > deadlineAt ? failWith(throttled) : { retryAt, failures: failure.job.failures, deadlineAt };
}

/** fal's final refusal ends the job; a transient one is tried again until the deadline. */
function afterFalError(
  failure: StepFailure,
  { code, message, field, transient, retryAfterMs = 0 }: FalError,
): Decision {
  const { job } = failure;
  // fal never took the request, or it was cancelled in fal's queue and left no trace.
  const isGone = job.requestId === null || code === 'RESULT_LOST';
  if (isGone && job.cancelRequestedAt !== null) return 'CANCEL';
  // The operator can repair a key that fal rejects, and a request that already runs at fal is not lost meanwhile.
  const mayPass = transient || (code === 'FAL_UNAUTHORIZED' && job.requestId !== null);
  const retry = nextTry(failure, deadlineOf(failure), retryAfterMs);
  return mayPass && isInTime(retry) ? retry : failWith({ code, message, field });
}

/**
 * An unforeseen error is tried again a few times. A full disk or an unavailable bucket recovers sooner or later, and what
 * fal has made is worth the wait: those are tried again until the deadline.
 */
function afterUnforeseen(failure: StepFailure): Decision {
  const { job, error } = failure;
  const isUnavailable = error instanceof StorageUnavailable;
  // With no limit to the tries, an unavailable bucket needs a deadline, also before fal has the job.
  const retry = nextTry(failure, isUnavailable ? deadlineOf(failure) : job.deadlineAt);
  const mayPass = (isUnavailable || error instanceof DiskFull) && isInTime(retry);
  if (mayPass || retry.failures < maxUnforeseenFailures) return retry;
  // The result is no longer needed: fal is asked to stop, so that it need not be paid for.
  return { failWith: internal, cancelAtFal: job.requestId !== null };
}

type Retry = { retryAt: Date; failures: number; deadlineAt: Date | null };

/** `atLeastMs` is what fal asked for (Retry-After). */
function nextTry({ job, now, random }: StepFailure, deadlineAt: Date | null, atLeastMs = 0): Retry {
  const failures = job.failures + 1;
  return { retryAt: later(now, Math.max(pauseMs(failures, random), atLeastMs)), failures, deadlineAt };
}

const isInTime = ({ retryAt, deadlineAt }: Retry) => deadlineAt === null || retryAt < deadlineAt;
const failWith = (failure: Failure): Decision => ({ failWith: failure, cancelAtFal: false });
const later = (now: Date, ms: number) => new Date(now.getTime() + ms);

/** The job's deadline, or the one that begins now: before its first submit a job has none. */
export function deadlineOf({
  job,
  now,
  deadlineMs,
}: Pick<StepFailure, 'now' | 'deadlineMs'> & { job: Pick<Job, 'deadlineAt'> }): Date {
  return job.deadlineAt ?? later(now, deadlineMs);
}

/** The pause after so many failures in a row: 500 to 625 ms after the first, doubling to 30 to 37.5 s. */
export function pauseMs(failures: number, random: number): number {
  return backoffMs(failures, { firstMs: 625, maxMs: 37_500, jitter: 0.2 }, () => random);
}

/** How long all submits pause after fal refused one: it throttles the key, not the job. Undefined when they need not. */
export function submitPauseMs({ code, retryAfterMs }: FalError, failures: number, random: number): number | undefined {
  return code === 'RATE_LIMITED' ? (retryAfterMs ?? pauseMs(failures + 1, random)) : undefined;
}
