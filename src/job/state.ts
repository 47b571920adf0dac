/** The life of a job, pure: QUEUED → IN_QUEUE → IN_PROGRESS → FINALIZING → SUCCEEDED | FAILED | CANCELLED. */
import type { JobErrorCode, JobStatus } from '../../prisma/generated/client/client.ts';

/** Where a job may go from each state. The database's trigger holds the same table. */
export const moves: Record<JobStatus, readonly JobStatus[]> = {
  QUEUED: ['IN_QUEUE', 'FAILED', 'CANCELLED'],
  IN_QUEUE: ['IN_PROGRESS', 'FINALIZING', 'FAILED', 'CANCELLED'],
  // Back into the queue: fal runs a request again, by itself, when its runner was lost.
  IN_PROGRESS: ['IN_QUEUE', 'FINALIZING', 'FAILED', 'CANCELLED'],
  FINALIZING: ['SUCCEEDED', 'FAILED', 'CANCELLED'],
  SUCCEEDED: [],
  FAILED: [],
  CANCELLED: [],
};

export const unfinished = ['QUEUED', 'IN_QUEUE', 'IN_PROGRESS', 'FINALIZING'] as const satisfies JobStatus[];

export function isEnded(status: JobStatus): boolean {
  return moves[status].length === 0;
}

/**
 * Whether a new job with the same input may fare better: what is wrong with the input, or with the account that pays,
 * stays wrong.
 */
export const isRetryable: Record<JobErrorCode, boolean> = {
  INVALID_INPUT: false,
  INVALID_FINETUNE_ID: false,
  CONTENT_BLOCKED: false,
  DATASET_REJECTED: false,
  ENDPOINT_RETIRED: false,
  RATE_LIMITED: true,
  FAL_BALANCE_EXHAUSTED: true,
  FAL_UNAUTHORIZED: true,
  TIMED_OUT: true,
  RESULT_LOST: true,
  SUBMIT_UNCONFIRMED: true,
  FAL_UNAVAILABLE: true,
  INTERNAL: true,
};

const firstPauseMs = 500;
const longestPauseMs = 30_000;

/** The pause after so many failures in a row (1 is the first): doubling, at most half a minute, up to a quarter longer by chance. */
export function pauseMs(failures: number, random: number): number {
  const pause = Math.min(firstPauseMs * 2 ** (Math.max(failures, 1) - 1), longestPauseMs);
  return Math.round(pause * (1 + random / 4));
}
