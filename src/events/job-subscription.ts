/**
 * One subscription to a job's log: the events after a sequence number, then new ones as they happen, up to the terminal
 * event. It reads nothing from the database before the first event or the start position is requested.
 */
import type { JobEvent } from '../../prisma/generated/client/client.ts';
import { recordJobSpan } from '../tracing/trace.ts';
import { PullIterator } from './pull-iterator.ts';

/**
 * Where a subscription starts: after event number `after`. `head` was the newest number at that time. `traceparent`
 * belongs to the request that started the job.
 */
export type StartPosition = { after: number; head: number; traceparent: string | null };

export type JobLog = {
  /** Undefined when no event will follow: the job has ended before that number, or was deleted. */
  findStart: (after: number) => Promise<StartPosition | undefined>;
  /** Reads on after an event that exists. */
  follow: (after: number) => PullIterator<JobEvent>;
  /** Called with 1 when a client begins to wait for events, and with -1 when it leaves. */
  countSubscriber: (change: 1 | -1) => void;
  onDelivery: (event: JobEvent, start: StartPosition) => void;
};

export class JobSubscription implements AsyncIterableIterator<JobEvent> {
  readonly jobId: string;
  readonly #log: JobLog;
  readonly #after: number;
  readonly #iterator: PullIterator<JobEvent>;
  readonly #createdAt = Date.now();
  #start: Promise<StartPosition | undefined> | undefined;
  #tail: PullIterator<JobEvent> | undefined;
  #isClosed = false;
  #isShared = false;
  #isCounted = false;
  #isFirst = true;

  constructor(jobId: string, after: number, log: JobLog) {
    this.jobId = jobId;
    this.#after = after;
    this.#log = log;
    this.#iterator = new PullIterator<JobEvent>(
      async () => await this.#take(),
      () => {
        this.#isClosed = true;
        void this.#tail?.return();
        if (this.#isCounted) this.#log.countSubscriber(-1);
      },
    );
  }

  /** The sequence number after which it starts: the newest one when the client named a later one. Undefined at the end. */
  async startAfter(): Promise<number | undefined> {
    return (await this.#findStart())?.after;
  }

  /** Marks it as the source of a shared subscription, which counts its subscribers itself. Returns this. */
  asShared(): this {
    this.#isShared = true;
    return this;
  }

  /** A second, independent subscription to the same log, for a shared subscription. */
  from(after: number): JobSubscription {
    return new JobSubscription(this.jobId, after, this.#log).asShared();
  }

  async next(): Promise<IteratorResult<JobEvent>> {
    return await this.#iterator.next();
  }

  async return(): Promise<IteratorResult<JobEvent>> {
    return await this.#iterator.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #findStart(): Promise<StartPosition | undefined> {
    this.#start ??= this.#log.findStart(this.#after);
    return await this.#start;
  }

  async #take(): Promise<JobEvent | 'END'> {
    if (!this.#isShared && !this.#isCounted) {
      this.#isCounted = true;
      this.#log.countSubscriber(1);
    }
    const start = await this.#findStart();
    if (this.#tail === undefined) {
      if (start === undefined || this.#isClosed) return 'END';
      this.#tail = this.#log.follow(start.after);
    }
    const next = await this.#tail.next();
    if (next.done === true || start === undefined) return 'END';
    this.#recordDelivery(next.value, start);
    return next.value;
  }

  #recordDelivery(event: JobEvent, start: StartPosition): void {
    this.#log.onDelivery(event, start);
    if (!this.#isFirst) return;
    this.#isFirst = false;
    const job = { id: this.jobId, traceparent: start.traceparent };
    const attributes = { 'likeness.event.sequence': event.sequence };
    recordJobSpan(`deliver ${event.type}`, job, new Date(this.#createdAt), attributes);
  }
}
