/** Errors of calls to fal. */

/** The codes of the API's JobErrorCode that fal can cause. */
export type FalErrorCode =
  | 'INVALID_INPUT'
  | 'INVALID_FINETUNE_ID'
  | 'CONTENT_BLOCKED'
  | 'RATE_LIMITED'
  | 'FAL_BALANCE_EXHAUSTED'
  | 'FAL_UNAUTHORIZED'
  | 'ENDPOINT_RETIRED'
  | 'DATASET_REJECTED'
  | 'RESULT_LOST'
  | 'FAL_UNAVAILABLE';

/** The call failed, and fal certainly did not accept a request by it. */
export class FalError extends Error {
  override name = 'FalError';
  readonly code: FalErrorCode;
  /** Whether the same call may succeed later (throttled, unavailable). An error that is not transient ends the job. */
  readonly transient: boolean;
  /** The rejected field of the input, as fal names it: `finetune_id`, `image_size.width`. */
  readonly field: string | undefined;
  /** fal's Retry-After. */
  readonly retryAfterMs: number | undefined;
  /** fal's HTTP status; undefined when there was no response. */
  readonly status: number | undefined;

  constructor(
    code: FalErrorCode,
    message: string,
    details: {
      transient?: boolean;
      field?: string | undefined;
      retryAfterMs?: number | undefined;
      status?: number | undefined;
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause: details.cause });
    this.code = code;
    this.transient = details.transient ?? false;
    this.field = details.field;
    this.retryAfterMs = details.retryAfterMs;
    this.status = details.status;
  }
}

/** A submit was sent and its response is unknown: fal may have accepted it. It must never be sent again. */
export class SubmitUnconfirmed extends Error {
  override name = 'SubmitUnconfirmed';
}

/** fal cancelled the request (499 at the result, or COMPLETED with client_cancelled). */
export class RequestCancelled extends Error {
  override name = 'RequestCancelled';
}
