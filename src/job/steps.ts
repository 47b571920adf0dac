/** The steps of jobs, as pg-boss schedules them. The row is the truth, a step only a hint to look at it. */
import type { Tx } from '../database/client.ts';

export interface Steps {
  /** Schedules the job's next step, if and only if the transaction commits. One that is already waiting is brought forward. */
  enqueue(tx: Tx, jobId: string, options?: { afterMs?: number }): Promise<void>;
  /** Wakes this process's worker after a commit, so that nobody waits for its next poll. */
  wake(): void;
}
