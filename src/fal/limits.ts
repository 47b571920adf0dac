/** How much this installation asks of fal, over all its processes, and takes from it. */
export type FalLimits = {
  /** Requests that fal is sent a minute, whatever becomes of them. */
  submitsPerMinute: number;
  /** Jobs that are being sent, or are at fal. */
  jobsAtOnce: number;
  /** Reads of a request's status, and openings of its stream. */
  statusReadsPerMinute: number;
};
