/** The states of a job and their transitions, pure: QUEUED → IN_QUEUE → IN_PROGRESS → FINALIZING → SUCCEEDED | FAILED | CANCELLED. */
import type { JobErrorCode, JobStatus } from '../../prisma/generated/client/client.ts';
import { isTerminal } from '../events/payload.ts';

/** The states that may follow each state. The trigger function job_moves in prisma/functions/ has the same table. */
export const moves: Record<JobStatus, readonly JobStatus[]> = {
  QUEUED: ['IN_QUEUE', 'FAILED', 'CANCELLED'],
  IN_QUEUE: ['IN_PROGRESS', 'FINALIZING', 'FAILED', 'CANCELLED'],
  // fal returns a request to its queue by itself when the runner is lost.
  IN_PROGRESS: ['IN_QUEUE', 'FINALIZING', 'FAILED', 'CANCELLED'],
  FINALIZING: ['SUCCEEDED', 'FAILED', 'CANCELLED'],
  SUCCEEDED: [],
  FAILED: [],
  CANCELLED: [],
};

/** Whether the job is SUCCEEDED, FAILED or CANCELLED. In SQL: `"finishedAt" IS NOT NULL`; a CHECK keeps the two consistent. */
export function isEnded(status: JobStatus): boolean {
  return isTerminal(status);
}

export const unfinishedStatuses = (Object.keys(moves) as JobStatus[]).filter((status) => !isEnded(status));

/**
 * Whether a new job with the same input may succeed. False when the error lies in the input itself or in an endpoint that fal
 * has retired.
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
