/** Limits of this installation towards fal, over all its processes. */
export type FalLimits = {
  /** Submits per minute, successful or not. */
  submitsPerMinute: number;
  /** Jobs that are being submitted or run at fal. */
  jobsAtOnce: number;
  /** Reads of a status and openings of a status stream, per minute. */
  statusReadsPerMinute: number;
};
