/** What goes wrong at fal, in the words of this API's JobErrorCode. */

/** The names are JobErrorCode's; those that only the runner can tell (INTERNAL) are not fal's to give. */
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

/** fal answered, or could not be reached, and it is known that the request was not accepted by this call. */
export class FalError extends Error {
  override name = 'FalError';
  readonly code: FalErrorCode;
  /** Whether the same call may succeed later: throttled, unavailable. What is not is final for the job. */
  readonly transient: boolean;
  /** The refused input in fal's words, as `finetune_id` or `image_size.width`. */
  readonly field: string | undefined;
  /** How long fal asked us to wait (Retry-After). */
  readonly retryAfterMs: number | undefined;
  /** fal's HTTP status; undefined when there was no answer. */
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

/** The request was sent and its answer is not known: fal may have accepted it. It must never be sent again. */
export class SubmitUnconfirmed extends Error {
  override name = 'SubmitUnconfirmed';
}

/** fal says that the request was cancelled (499 at the result, or COMPLETED with client_cancelled). */
export class RequestCancelled extends Error {
  override name = 'RequestCancelled';
}
