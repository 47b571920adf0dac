/**
 * A follower's way through a job's log: every event behind a sequence number, then those to come, to the terminal one. It
 * reads nothing before it is asked, for an event or for where it begins.
 */
import type { JobEvent } from '../../prisma/generated/client/client.ts';
import { recordJobSpan } from '../tracing/trace.ts';
import { PullIterator } from './pull-iterator.ts';

/** Behind which event to begin, which was the newest then, and where the trace of the job begins. */
export type Place = { after: number; head: number; traceparent: string | null };

export type LogOfJob = {
  /** Undefined when nothing follows: the job has ended before, or is gone. */
  placeOf: (after: number) => Promise<Place | undefined>;
  /** Follows from behind an event that there is. */
  open: (place: number) => PullIterator<JobEvent>;
  /** One more is following by itself, or one less. */
  count: (more: 1 | -1) => void;
  /** Called for each event that the subscriber receives. */
  delivered: (event: JobEvent, place: Place) => void;
};

export class JobSubscription implements AsyncIterableIterator<JobEvent> {
  readonly jobId: string;
  readonly #log: LogOfJob;
  readonly #after: number;
  readonly #reader: PullIterator<JobEvent>;
  readonly #since = Date.now();
  #place: Promise<Place | undefined> | undefined;
  #feed: PullIterator<JobEvent> | undefined;
  #isLeft = false;
  #isForMany = false;
  #isCounted = false;
  #isFirst = true;

  constructor(jobId: string, after: number, log: LogOfJob) {
    this.jobId = jobId;
    this.#after = after;
    this.#log = log;
    this.#reader = new PullIterator<JobEvent>(
      async () => await this.#take(),
      () => {
        this.#isLeft = true;
        void this.#feed?.return();
        if (this.#isCounted) this.#log.count(-1);
      },
    );
  }

  /** The number behind which it begins: a number that was not given yet stands for the newest. */
  async place(): Promise<number | undefined> {
    return (await this.#placed())?.after;
  }

  /** It is followed for others, who are counted where they listen. Returns it. */
  forMany(): this {
    this.#isForMany = true;
    return this;
  }

  /** Another way through the same log. */
  from(after: number): JobSubscription {
    return new JobSubscription(this.jobId, after, this.#log).forMany();
  }

  async next(): Promise<IteratorResult<JobEvent>> {
    return await this.#reader.next();
  }

  async return(): Promise<IteratorResult<JobEvent>> {
    return await this.#reader.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #placed(): Promise<Place | undefined> {
    this.#place ??= this.#log.placeOf(this.#after);
    return await this.#place;
  }

  async #take(): Promise<JobEvent | 'END'> {
    if (!this.#isForMany && !this.#isCounted) {
      this.#isCounted = true;
      this.#log.count(1);
    }
    const place = await this.#placed();
    if (this.#feed === undefined) {
      if (place === undefined || this.#isLeft) return 'END';
      this.#feed = this.#log.open(place.after);
    }
    const next = await this.#feed.next();
    if (next.done === true || place === undefined) return 'END';
    this.#delivered(next.value, place);
    return next.value;
  }

  #delivered(event: JobEvent, place: Place): void {
    this.#log.delivered(event, place);
    if (!this.#isFirst) return;
    this.#isFirst = false;
    const job = { id: this.jobId, traceparent: place.traceparent };
    recordJobSpan(`deliver ${event.type}`, job, new Date(this.#since), { 'likeness.event.sequence': event.sequence });
  }
}
