/**
 * One subscriber of a shared subscription, which writes the events to it. Whoever iterates a subscriber gets no events: the
 * iterator only ends, when the log ends or it is returned, or throws.
 */
import type { EventLog, NumberedEvent } from './event-log.ts';
import type { FrameWriter, Payload } from './frame-writer.ts';

/** What a subscriber needs of its shared subscription. */
export type SubscriberSource = {
  payloadOf: (event: NumberedEvent) => Promise<Payload> | Payload;
  logFrom: (after: number) => EventLog;
  /** Whether the buffer holds everything after event number `position`. */
  reaches: (position: number) => boolean;
  /** Writes what the subscriber does not have yet, if it is ready. */
  serve: (subscriber: Subscriber) => void;
  delete: (subscriber: Subscriber) => void;
};

export class Subscriber implements AsyncIterableIterator<never> {
  /** The number of the last event that was written to it. */
  position: number;
  /** Whether its connection has taken everything. */
  isReady = true;
  readonly #source: SubscriberSource;
  readonly #frameWriter: FrameWriter;
  #ownLog: EventLog | undefined;
  #isOver = false;
  #settle: { end: () => void; fail: (error: unknown) => void } | undefined;
  #failure: { error: unknown } | undefined;

  constructor(source: SubscriberSource, after: number, frameWriter: FrameWriter) {
    this.#source = source;
    this.position = after;
    this.#frameWriter = frameWriter;
  }

  /** Writes the payloads of the events up to number `head`. */
  write(payloads: readonly Payload[], head: number): void {
    this.position = head;
    try {
      this.isReady = this.#frameWriter.write(payloads, this);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Its connection has taken what was written. */
  drained(): void {
    if (this.#isOver) return;
    this.isReady = true;
    this.#source.serve(this);
  }

  /** Reads the log at its own pace until the buffer reaches back to its position. */
  readAlone(): void {
    this.isReady = false;
    this.#catchUp().catch((error: unknown) => this.fail(error));
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.isReady = false;
    this.#source.delete(this);
    void this.#ownLog?.return?.();
    this.#settle?.end();
  }

  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#failure = { error };
    const settle = this.#settle;
    this.#settle = undefined;
    this.end();
    settle?.fail(error);
  }

  async next(): Promise<IteratorResult<never>> {
    if (!this.#isOver) {
      await new Promise<void>((resolve, reject) => {
        this.#settle = { end: resolve, fail: reject };
      });
    } else if (this.#failure !== undefined) {
      const { error } = this.#failure;
      this.#failure = undefined;
      throw error;
    }
    return { value: undefined, done: true };
  }

  async return(): Promise<IteratorResult<never>> {
    this.end();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #catchUp(): Promise<void> {
    const log = this.#source.logFrom(this.position);
    this.#ownLog = log;
    while (!this.#source.reaches(this.position)) {
      const next = await log.next();
      if (this.#isOver) return;
      if (next.done === true) return this.end();
      const payload = await this.#source.payloadOf(next.value);
      if (this.#isOver) return;
      await new Promise<void>((resolve) => {
        if (this.#frameWriter.write([payload], { drained: resolve })) resolve();
      });
      this.position = next.value.sequence;
    }
    this.#ownLog = undefined;
    void log.return?.();
    this.drained();
  }
}
