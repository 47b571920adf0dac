/** The log of what happens to jobs, and how to follow it. It knows no feature. */
import type { JobEvent } from '../../prisma/generated/client/client.ts';
import type { Tx } from '../database/client.ts';
import type { NewEvent } from './payload.ts';

export interface Events {
  /**
   * Adds events to a job's log, in the transaction of the change that they tell, which holds the job row's lock.
   * A LOGGED event that the log already has is left out. Returns the newest sequence number.
   */
  append(tx: Tx, jobId: string, events: NewEvent[]): Promise<number>;
  /** Tells followers to look, after the commit. A lost nudge costs a few seconds, never an event. */
  nudge(job: { id: string; ownerId: string }): void;
  /** Replays the log after a sequence number, then goes on live; ends after the terminal event. */
  follow(jobId: string, after: number): AsyncIterableIterator<JobEvent>;
  /** The id of each of an owner's jobs whenever it changed; one entry a job however often it changed since the last read. */
  followOwner(ownerId: string): AsyncIterableIterator<string>;
}
