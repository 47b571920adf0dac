/**
 * What happens to a job after one of its steps failed: retry, fail, or cancel. Pure: a step throws, this decides, and
 * runner/run-step.ts carries the decision out.
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

/** The owner cancelled the job, and fal has no request of it. */
export class CancelRequested extends Error {
  override name = 'CancelRequested';
}

/** Why a job fails, as its row and its last event record it. */
export type Failure = { code: JobErrorCode; message: string; field?: string | undefined };

export type StepFailure = {
  /** The row as read after the failure. */
  job: Pick<Job, 'status' | 'failures' | 'deadlineAt' | 'requestId' | 'cancelRequestedAt'>;
  error: unknown;
  now: Date;
  /** At least 0, under 1. */
  random: number;
  /** How long a job on this endpoint may take. Counted from the first attempt to submit, and again from the successful submit. */
  deadlineMs: number;
  /** Whether fal can call this server's webhook, which may name the request of a submit whose answer was lost. */
  hasWebhook: boolean;
};

export type Decision =
  /** Run the next step at `retryAt`, and record the other columns. */
  | { retryAt: Date; failures: number; deadlineAt: Date | null }
  /** End the job FAILED. `field` is fal's name for it. With `cancelAtFal`, cancel the request at fal first. */
  | { failWith: Failure; cancelAtFal: boolean }
  /** End the job CANCELLED. */
  | 'CANCEL';

/** A job fails after this many unexpected errors in a row. */
export const maxUnexpectedFailures = 10;

const timedOut: Failure = {
  code: 'TIMED_OUT',
  message: 'fal did not finish before the job’s deadline. This server asked fal to cancel the request.',
};

const unconfirmed: Failure = {
  code: 'SUBMIT_UNCONFIRMED',
  message:
    'fal’s answer to the submit was lost. fal may have run and billed the request, so it was not sent again. Retry to start a new job.',
};

const throttled: Failure = {
  code: 'RATE_LIMITED',
  message: 'fal accepted no more requests with this server’s key until the job’s deadline. Retry later.',
};

const internal: Failure = {
  code: 'INTERNAL',
  message: 'This server could not continue the job. Its log has the reason.',
};

export function decideAfterFailure(failure: StepFailure): Decision {
  const { error } = failure;
  if (error instanceof CancelRequested || error instanceof RequestCancelled) return 'CANCEL';
  if (error instanceof DeadlinePassed) return failWith(timedOut);
  if (error instanceof SubmitUnconfirmed) return afterUnconfirmedSubmit(failure);
  if (error instanceof SubmitsSpent) return afterSubmitsSpent(failure, error.afterMs);
  return error instanceof FalError ? afterFalError(failure, error) : afterUnexpected(failure);
}

/** Never submits again, because fal could bill twice. A webhook may still name the request: the job waits for it until its deadline. */
function afterUnconfirmedSubmit({ job: { deadlineAt, failures }, now, hasWebhook }: StepFailure): Decision {
  if (!hasWebhook || deadlineAt === null || deadlineAt <= now) return failWith(unconfirmed);
  return { retryAt: deadlineAt, failures, deadlineAt };
}

/** Nothing was sent and nothing failed: the submit waits until the budget has room, unless that is after the deadline. */
function afterSubmitsSpent(failure: StepFailure, afterMs: number): Decision {
  const deadlineAt = deadlineOf(failure);
  const retryAt = later(failure.now, afterMs);
  return retryAt > deadlineAt ? failWith(throttled) : { retryAt, failures: failure.job.failures, deadlineAt };
}

/** A final error of fal ends the job. A transient one is retried until the deadline. */
function afterFalError(
  failure: StepFailure,
  { code, message, field, transient, retryAfterMs = 0 }: FalError,
): Decision {
  const { job } = failure;
  // fal never accepted the request, or it was cancelled in fal's queue and left no trace.
  const isGone = job.requestId === null || code === 'RESULT_LOST';
  if (isGone && job.cancelRequestedAt !== null) return 'CANCEL';
  // The operator can replace a key that fal rejects, and a request that fal already has survives until then.
  const mayPass = transient || (code === 'FAL_UNAUTHORIZED' && job.requestId !== null);
  const retry = nextTry(failure, deadlineOf(failure), retryAfterMs);
  return mayPass && isInTime(retry) ? retry : failWith({ code, message, field });
}

/**
 * An unexpected error is retried a few times. A full disk or an unavailable bucket usually recovers, and fal's result has
 * been paid for: those errors are retried until the deadline.
 */
function afterUnexpected(failure: StepFailure): Decision {
  const { job, error } = failure;
  const isUnavailable = error instanceof StorageUnavailable;
  // Retries for an unavailable bucket have no other limit, so they need a deadline even before the submit.
  const retry = nextTry(failure, isUnavailable ? deadlineOf(failure) : job.deadlineAt);
  const mayPass = (isUnavailable || error instanceof DiskFull) && isInTime(retry);
  if (mayPass || retry.failures < maxUnexpectedFailures) return retry;
  // The result is no longer needed. Cancelling may avoid its price.
  return { failWith: internal, cancelAtFal: job.requestId !== null };
}

type Retry = { retryAt: Date; failures: number; deadlineAt: Date | null };

/** `atLeastMs` comes from fal's Retry-After. */
function nextTry({ job, now, random }: StepFailure, deadlineAt: Date | null, atLeastMs = 0): Retry {
  const failures = job.failures + 1;
  return { retryAt: later(now, Math.max(pauseMs(failures, random), atLeastMs)), failures, deadlineAt };
}

const isInTime = ({ retryAt, deadlineAt }: Retry) => deadlineAt === null || retryAt < deadlineAt;
const failWith = (failure: Failure): Decision => ({ failWith: failure, cancelAtFal: false });
const later = (now: Date, ms: number) => new Date(now.getTime() + ms);

/** The job's deadline. A job that was never submitted has none; its deadline then counts from now. */
export function deadlineOf({
  job,
  now,
  deadlineMs,
}: Pick<StepFailure, 'now' | 'deadlineMs'> & { job: Pick<Job, 'deadlineAt'> }): Date {
  return job.deadlineAt ?? later(now, deadlineMs);
}

/** The pause after this many failures in a row: 500 to 625 ms after the first, doubling up to 30 to 37.5 s. */
export function pauseMs(failures: number, random: number): number {
  return backoffMs(failures, { firstMs: 625, maxMs: 37_500, jitter: 0.2 }, () => random);
}

/** How long all submits pause after fal throttled one, because it throttles the key and not the job. Undefined: no pause. */
export function submitPauseMs({ code, retryAfterMs }: FalError, failures: number, random: number): number | undefined {
  return code === 'RATE_LIMITED' ? (retryAfterMs ?? pauseMs(failures + 1, random)) : undefined;
}
