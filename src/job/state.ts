/** The life of a job, pure: QUEUED → IN_QUEUE → IN_PROGRESS → FINALIZING → SUCCEEDED | FAILED | CANCELLED. */
import type { JobErrorCode, JobStatus } from '../../prisma/generated/client/client.ts';
import { isTerminal } from '../events/payload.ts';

/** The states that may follow each state. The trigger function job_moves in prisma/functions/ holds the same table. */
export const moves: Record<JobStatus, readonly JobStatus[]> = {
  QUEUED: ['IN_QUEUE', 'FAILED', 'CANCELLED'],
  IN_QUEUE: ['IN_PROGRESS', 'FINALIZING', 'FAILED', 'CANCELLED'],
  // Back into the queue: fal runs a request again by itself when its runner was lost.
  IN_PROGRESS: ['IN_QUEUE', 'FINALIZING', 'FAILED', 'CANCELLED'],
  FINALIZING: ['SUCCEEDED', 'FAILED', 'CANCELLED'],
  SUCCEEDED: [],
  FAILED: [],
  CANCELLED: [],
};

/** Whether the job is SUCCEEDED, FAILED or CANCELLED. In SQL that is `"finishedAt" IS NOT NULL`, which a CHECK holds to it. */
export function isEnded(status: JobStatus): boolean {
  return isTerminal(status);
}

export const unfinishedStatuses = (Object.keys(moves) as JobStatus[]).filter((status) => !isEnded(status));

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
