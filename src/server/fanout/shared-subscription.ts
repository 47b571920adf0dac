/**
 * One event log followed for all subscribers that ask the same of it. Each event is executed and written as JSON once, and
 * every subscriber that is up to date gets the same payload. The log is read at the pace of the fastest subscriber. A
 * slower one gets the payloads that are still buffered, and reads the log on its own when it is further behind: nobody
 * waits for it, and nothing piles up for it.
 */
import type { EventLog, NumberedEvent } from './event-log.ts';
import type { Payload } from './frame-writer.ts';
import type { Subscriber, SubscriberSource } from './subscriber.ts';

/** For subscribers that are behind. */
const bufferLimit = { events: 64, bytes: 262_144 };
/** The events of one tick are written together, up to this much at a time. */
const batchLimit = { events: 32, bytes: 16_384 };

export class SharedSubscription implements SubscriberSource {
  readonly #log: EventLog;
  readonly #onEnd: () => void;
  readonly #subscribers = new Set<Subscriber>();
  /** The newest payloads without a gap; the last of them belongs to event number `#head`. */
  #buffer: Payload[] = [];
  #bufferBytes = 0;
  #head: number;
  #unsent = { events: 0, bytes: 0 };
  #isRunning = false;
  #isOver = false;
  #resume: (() => void) | undefined;
  readonly payloadOf: (event: NumberedEvent) => Promise<Payload> | Payload;

  /** Starts after event number `after`. `onEnd` is called once: at the end of the log, or when the last subscriber left. */
  constructor(
    log: EventLog,
    after: number,
    payloadOf: (event: NumberedEvent) => Promise<Payload> | Payload,
    onEnd: () => void,
  ) {
    this.#log = log;
    this.#head = after;
    this.payloadOf = payloadOf;
    this.#onEnd = onEnd;
  }

  get subscribers(): number {
    return this.#subscribers.size;
  }

  add(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber);
    if (!this.#isRunning) void this.#run();
    this.serve(subscriber);
  }

  delete(subscriber: Subscriber): void {
    if (!this.#subscribers.delete(subscriber)) return;
    if (this.#subscribers.size === 0) this.#end();
    // The subscriber that left may be the one that the log was waiting for.
    else this.#resume?.();
  }

  logFrom(after: number): EventLog {
    return this.#log.from(after);
  }

  reaches(position: number): boolean {
    return position >= this.#head - this.#buffer.length;
  }

  serve(subscriber: Subscriber): void {
    if (!subscriber.isReady) return;
    const behind = this.#head - subscriber.position;
    if (behind > this.#buffer.length) return subscriber.readAlone();
    if (behind > 0) {
      subscriber.write(behind === this.#buffer.length ? this.#buffer : this.#buffer.slice(-behind), this.#head);
    }
    if (!subscriber.isReady) return;
    if (this.#isOver) subscriber.end();
    else this.#resume?.();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      for (;;) {
        const next = await this.#log.next();
        if (this.#isOver || next.done === true) break;
        this.#add(await this.payloadOf(next.value), next.value.sequence);
        if (!this.#isAnyReady()) {
          await new Promise<void>((resolve) => {
            this.#resume = resolve;
          });
          this.#resume = undefined;
        }
      }
      this.#end();
      this.#flush();
    } catch (error) {
      this.#end();
      for (const subscriber of this.#subscribers) subscriber.fail(error);
    }
  }

  #add(payload: Payload, sequence: number): void {
    if (this.#unsent.events >= batchLimit.events || this.#unsent.bytes + payload.length > batchLimit.bytes) {
      this.#flush();
    }
    if (this.#unsent.events === 0) process.nextTick(() => this.#flush());
    this.#unsent.events += 1;
    this.#unsent.bytes += payload.length;
    this.#buffer.push(payload);
    this.#bufferBytes += payload.length;
    this.#head = sequence;
    while (
      this.#buffer.length > 1 &&
      (this.#buffer.length > bufferLimit.events || this.#bufferBytes > bufferLimit.bytes)
    ) {
      this.#bufferBytes -= this.#buffer.shift()?.length ?? 0;
    }
  }

  #flush(): void {
    this.#unsent = { events: 0, bytes: 0 };
    let isAnyBehind = false;
    for (const subscriber of this.#subscribers) {
      this.serve(subscriber);
      if (subscriber.position < this.#head) isAnyBehind = true;
    }
    if (isAnyBehind) return;
    this.#buffer = [];
    this.#bufferBytes = 0;
  }

  #isAnyReady(): boolean {
    for (const { isReady } of this.#subscribers) if (isReady) return true;
    return false;
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#resume?.();
    void this.#log.return?.();
    this.#onEnd();
  }
}
