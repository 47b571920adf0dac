/** Which of an owner's jobs have changed, for all subscriptions of this process to that owner's jobs. */
import { PullIterator } from './pull-iterator.ts';

/** The subscriber did not read for so long that too many changed jobs were waiting for it. */
export class SubscriberTooSlow extends Error {
  override name = 'SubscriberTooSlow';
  readonly extensions = { code: 'SUBSCRIBER_TOO_SLOW' };

  constructor() {
    super(
      'This subscriber did not keep up and was cut off. Subscribe again, and read the list of jobs for what it missed.',
    );
  }
}

/** When more changed jobs than this wait for a reader, it is cut off. */
const maxPendingJobs = 1_000;

export class OwnerTail {
  /** The changed jobs that wait for each reader. */
  readonly #pending = new Map<PullIterator<string>, Set<string>>();
  /** The newest known sequence number of each job that a reread may find changed. */
  #lastSequences = new Map<string, number>();
  #hasCompared = false;
  readonly #onEmpty: () => void;

  constructor(onEmpty: () => void) {
    this.#onEmpty = onEmpty;
  }

  get subscribers(): number {
    return this.#pending.size;
  }

  follow(): PullIterator<string> {
    const pending = new Set<string>();
    const reader = new PullIterator<string>(
      async () => {
        if (pending.size > maxPendingJobs) throw new SubscriberTooSlow();
        for (const jobId of pending) {
          pending.delete(jobId);
          return jobId;
        }
        return 'WAIT';
      },
      () => {
        this.#pending.delete(reader);
        if (this.#pending.size === 0) this.#onEmpty();
      },
    );
    this.#pending.set(reader, pending);
    return reader;
  }

  /** A job has changed. A job that already waits for a reader is not added again. */
  changed(jobId: string, lastSequence: number): void {
    this.#lastSequences.set(jobId, lastSequence);
    for (const [reader, pending] of this.#pending) {
      if (pending.size <= maxPendingJobs) pending.add(jobId);
      reader.nudge();
    }
  }

  /**
   * Compares with the database: `jobs` are the owner's unfinished jobs and those that ended lately. A job whose number is
   * higher than the known one has changed, and its nudge was lost. Other jobs are forgotten, because they no longer change.
   */
  compare(jobs: { id: string; lastSequence: number }[]): void {
    const before = this.#lastSequences;
    this.#lastSequences = new Map();
    for (const { id, lastSequence } of jobs) {
      const known = before.get(id) ?? (this.#hasCompared ? -1 : lastSequence);
      if (known < lastSequence) this.changed(id, lastSequence);
      else this.#lastSequences.set(id, known);
    }
    this.#hasCompared = true;
  }
}
