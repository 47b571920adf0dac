/** Which of an owner's jobs changed, for everyone who follows that owner in this process. */
import { PullIterator } from './pull-iterator.ts';

/** The reader did not keep up. */
export class SubscriberTooSlow extends Error {
  override name = 'SubscriberTooSlow';
  readonly extensions = { code: 'SUBSCRIBER_TOO_SLOW' };

  constructor() {
    super(
      'This subscriber did not keep up and was cut off. Subscribe again, and read the list of jobs for what it missed.',
    );
  }
}

/** A reader that does not read is told of as many jobs as this, and then cut off. */
const pendingJobs = 1_000;

export class OwnerTail {
  readonly #pending = new Map<PullIterator<string>, Set<string>>();
  /** The newest sequence number of each job that was heard of, and that a re-read may find changed. */
  #seen = new Map<string, number>();
  #isCompared = false;
  readonly #onEmpty: () => void;

  constructor(onEmpty: () => void) {
    this.#onEmpty = onEmpty;
  }

  get followers(): number {
    return this.#pending.size;
  }

  follow(): PullIterator<string> {
    const pending = new Set<string>();
    const reader = new PullIterator<string>(
      async () => {
        if (pending.size > pendingJobs) throw new SubscriberTooSlow();
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

  /** A job changed. Until a reader takes it, changing again adds nothing. */
  changed(jobId: string, lastSequence: number): void {
    this.#seen.set(jobId, lastSequence);
    for (const [reader, pending] of this.#pending) {
      if (pending.size <= pendingJobs) pending.add(jobId);
      reader.nudge();
    }
  }

  /**
   * What a re-read found: every job that may still change or did so lately. One with a later number than it had when last
   * heard of has changed, and its nudge was lost. The others are forgotten: they change no more.
   */
  compare(jobs: { id: string; lastSequence: number }[]): void {
    const before = this.#seen;
    this.#seen = new Map();
    for (const { id, lastSequence } of jobs) {
      const known = before.get(id) ?? (this.#isCompared ? -1 : lastSequence);
      if (known < lastSequence) this.changed(id, lastSequence);
      else this.#seen.set(id, known);
    }
    this.#isCompared = true;
  }
}
