/**
 * The live end of one job's log, shared by all subscriptions of this process to that job. Events that this process wrote
 * are added to it; the others are read from the database once for all readers. Each reader has its own position. A reader
 * that falls behind the buffer reads the database at its own pace.
 */
import type { JobEvent } from '../../prisma/generated/client/client.ts';
import { isTerminal } from './payload.ts';
import { PullIterator } from './pull-iterator.ts';

/** In events. */
const bufferSize = 256;
/** From the database. */
const eventsPerRead = 200;

/** The events after a sequence number, oldest first. */
export type ReadLog = (after: number, limit: number) => Promise<JobEvent[]>;

export class JobTail {
  /** The newest events without a gap. The last one has the number `#head`. */
  readonly #buffer: JobEvent[] = [];
  #head: number;
  /** The highest number that any reader has received. */
  #delivered: number;
  /** Whether the database may have events after `#head`: at the start, and from a nudge until the next read. */
  #isStale = true;
  /** The job was deleted together with its log. */
  #isDeleted = false;
  /** The last read failed, and a reader waits for its events. */
  #hasFailed = false;
  #reading: Promise<void> | undefined;
  readonly #readers = new Set<PullIterator<JobEvent>>();
  readonly #readLog: ReadLog;
  readonly #onEmpty: () => void;

  /** Starts after event number `after`. Calls `onEmpty` when the last reader has left. */
  constructor(after: number, readLog: ReadLog, onEmpty: () => void) {
    this.#head = after;
    this.#delivered = after;
    this.#readLog = readLog;
    this.#onEmpty = onEmpty;
  }

  /** Whether readers may lack events of a log whose newest event has that number. */
  isBehind(lastSequence: number): boolean {
    return this.#hasFailed || lastSequence > this.#head;
  }

  /**
   * The events after number `after`, up to the terminal event. When the database cannot be read, the reader waits for the
   * next nudge, so a short failure of the database ends no stream.
   */
  follow(after: number): PullIterator<JobEvent> {
    let position = after;
    let hasEnded = false;
    let page: JobEvent[] = [];
    const take = async (): Promise<JobEvent | 'WAIT' | 'END'> => {
      while (!hasEnded) {
        const event = eventIn(this.#buffer, position + 1) ?? eventIn(page, position + 1);
        if (event !== undefined) {
          position = event.sequence;
          this.#delivered = Math.max(this.#delivered, position);
          hasEnded = isTerminal(event.type);
          return event;
        }
        if (position < this.#head) {
          page = await this.#readLog(position, eventsPerRead);
          hasEnded = page.length === 0; // The job was deleted together with its log.
        } else if (this.#isDeleted) hasEnded = true;
        else if (this.#isStale || this.#reading !== undefined) await this.#readOnce();
        else return 'WAIT';
      }
      return 'END';
    };
    const reader = new PullIterator<JobEvent>(
      () =>
        take().catch(() => {
          this.#hasFailed = true;
          return 'WAIT';
        }),
      () => {
        this.#readers.delete(reader);
        if (this.#readers.size === 0) this.#onEmpty();
      },
    );
    this.#readers.add(reader);
    return reader;
  }

  /**
   * Adds committed events. Events that do not directly follow `#head` are ignored, and so is a burst that would overtake
   * even the fastest reader: readers then read those events from the database.
   */
  add(events: readonly JobEvent[]): void {
    const [first] = events;
    if (first?.sequence !== this.#head + 1 || this.#head + events.length - this.#delivered > bufferSize) return;
    this.#append(events);
    this.#nudgeReaders();
  }

  /** The log may have events up to that number, by default any: the readers that wait look again. */
  nudge(lastSequence = Number.POSITIVE_INFINITY): void {
    if (lastSequence > this.#head) this.#isStale = true;
    this.#hasFailed = false;
    this.#nudgeReaders();
  }

  /** The job was deleted: each reader ends after the buffered events. */
  end(): void {
    this.#isDeleted = true;
    this.nudge();
  }

  /** Readers that come while a read is under way share it. */
  async #readOnce(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  async #read(): Promise<void> {
    this.#isStale = false;
    try {
      const events = await this.#readLog(this.#head, eventsPerRead);
      // `add` may have run meanwhile.
      this.#append(events.filter(({ sequence }) => sequence > this.#head));
      if (events.length === eventsPerRead) this.#isStale = true;
    } catch (error) {
      this.#isStale = true;
      throw error;
    }
  }

  #nudgeReaders(): void {
    for (const reader of this.#readers) reader.nudge();
  }

  #append(events: readonly JobEvent[]): void {
    this.#buffer.push(...events);
    if (this.#buffer.length > bufferSize) this.#buffer.splice(0, this.#buffer.length - bufferSize);
    this.#head = events.at(-1)?.sequence ?? this.#head;
  }
}

/** The event with that number in a run of events without a gap. */
function eventIn(run: readonly JobEvent[], sequence: number): JobEvent | undefined {
  const first = run[0]?.sequence;
  return first === undefined ? undefined : run[sequence - first];
}
