/**
 * The live end of one job's log, shared by everyone who follows that job in this process: what was written here is handed
 * to it, and what was not is read from the database once, however many follow. Every follower has a place of its own in it; one that falls behind what is held
 * here reads the log itself, at its own pace.
 */
import type { JobEvent } from '../../prisma/generated/client/client.ts';
import { isTerminal } from './payload.ts';
import { PullIterator } from './pull-iterator.ts';

/** As many events are held as a follower can be behind before it reads the log on its own. */
const heldEvents = 256;
const pageOfEvents = 200;

/** The events after a sequence number, oldest first. */
export type ReadLog = (after: number, limit: number) => Promise<JobEvent[]>;

export class JobTail {
  /** The newest events, without a gap; the last of them is number `#head`. */
  readonly #held: JobEvent[] = [];
  #head: number;
  /** The newest event that a follower was given. */
  #taken: number;
  /** Whether there may be events behind `#head`: from the start, and after every nudge until they are read. */
  #isStale = true;
  /** The job is gone, and its log with it: there is nothing more to come. */
  #isOver = false;
  /** The log could not be read, and somebody waits for it. */
  #hasFailed = false;
  #reading: Promise<void> | undefined;
  readonly #readers = new Set<PullIterator<JobEvent>>();
  readonly #readLog: ReadLog;
  readonly #onEmpty: () => void;

  /** Begins behind event number `after`. `onEmpty` is called when the last follower has gone. */
  constructor(after: number, readLog: ReadLog, onEmpty: () => void) {
    this.#head = after;
    this.#taken = after;
    this.#readLog = readLog;
    this.#onEmpty = onEmpty;
  }

  /** Whether somebody may wait for what is in the log, whose newest event has that number. */
  isBehind(lastSequence: number): boolean {
    return this.#hasFailed || lastSequence > this.#head;
  }

  /**
   * Follows from behind event number `after`, to the terminal event. When the log cannot be read it waits for the next
   * nudge: a database that fails for a moment ends no stream.
   */
  follow(after: number): PullIterator<JobEvent> {
    let place = after;
    let hasEnded = false;
    let page: JobEvent[] = [];
    const take = async (): Promise<JobEvent | 'WAIT' | 'END'> => {
      while (!hasEnded) {
        const event = eventIn(this.#held, place + 1) ?? eventIn(page, place + 1);
        if (event !== undefined) {
          place = event.sequence;
          this.#taken = Math.max(this.#taken, place);
          hasEnded = isTerminal(event.type);
          return event;
        }
        if (place < this.#head) {
          page = await this.#readLog(place, pageOfEvents);
          hasEnded = page.length === 0; // The job is gone, and its log with it.
        } else if (this.#isOver) hasEnded = true;
        else if (this.#isStale || this.#reading !== undefined) await this.#readOn();
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
   * Takes in events that are committed. Those that do not follow on what is held, and more than the fastest follower can
   * be behind, are left to be read.
   */
  add(events: readonly JobEvent[]): void {
    const [first] = events;
    if (first?.sequence !== this.#head + 1 || this.#head + events.length - this.#taken > heldEvents) return;
    this.#hold(events);
    this.#tellReaders();
  }

  /** There may be events up to that number, by default any: whoever waits for them looks. */
  nudge(lastSequence = Number.POSITIVE_INFINITY): void {
    if (lastSequence > this.#head) this.#isStale = true;
    this.#hasFailed = false;
    this.#tellReaders();
  }

  /** The job is gone: whoever has read what is held here is done. */
  end(): void {
    this.#isOver = true;
    this.nudge();
  }

  /** Reads what is new, once for all who ask at the same time. */
  async #readOn(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  async #read(): Promise<void> {
    this.#isStale = false;
    try {
      const events = await this.#readLog(this.#head, pageOfEvents);
      // Some may have been handed over meanwhile.
      this.#hold(events.filter(({ sequence }) => sequence > this.#head));
      if (events.length === pageOfEvents) this.#isStale = true;
    } catch (error) {
      this.#isStale = true;
      throw error;
    }
  }

  #tellReaders(): void {
    for (const reader of this.#readers) reader.nudge();
  }

  /** The next events behind `#head`. */
  #hold(events: readonly JobEvent[]): void {
    this.#held.push(...events);
    if (this.#held.length > heldEvents) this.#held.splice(0, this.#held.length - heldEvents);
    this.#head = events.at(-1)?.sequence ?? this.#head;
  }
}

/** The event of that number in a run of events without a gap. */
function eventIn(run: readonly JobEvent[], sequence: number): JobEvent | undefined {
  const first = run[0]?.sequence;
  return first === undefined ? undefined : run[sequence - first];
}
