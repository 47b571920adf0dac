/**
 * The events of one log, answered once for all listeners that ask the same of it: each event is executed and written as
 * JSON once, and whoever has everything before it is sent the same bytes. It goes as fast as its fastest listener takes
 * them, and no faster. Whoever is behind is sent what is still kept here, and goes alone when that does not reach back far
 * enough: nobody waits for a slow one, and nothing piles up for it.
 */

import type { Answer, Log } from './log.ts';
import type { Heard, Subscriber } from './subscriber.ts';

/** For those behind. */
const mostKept = { events: 64, bytes: 262_144 };
/** What comes in one tick is sent in one piece, up to so much. */
const mostUnsent = { events: 32, bytes: 16_384 };

export class SharedSubscription implements Heard {
  readonly #log: Log;
  readonly #onOver: () => void;
  readonly #listeners = new Set<Subscriber>();
  /** The newest answers, without a gap; the last of them is to event number `#head`. */
  #kept: string[] = [];
  #keptBytes = 0;
  #head: number;
  #unsent = { events: 0, bytes: 0 };
  #isRunning = false;
  #isOver = false;
  #goOn: (() => void) | undefined;
  readonly answer: Answer;

  /** Begins behind event number `place`. `onOver` is called once: at the end of the log, or when the last has left. */
  constructor(log: Log, place: number, answer: Answer, onOver: () => void) {
    this.#log = log;
    this.#head = place;
    this.answer = answer;
    this.#onOver = onOver;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  add(listener: Subscriber): void {
    this.#listeners.add(listener);
    if (!this.#isRunning) void this.#run();
    this.serve(listener);
  }

  delete(listener: Subscriber): void {
    if (!this.#listeners.delete(listener)) return;
    if (this.#listeners.size === 0) this.#over();
    // It may have been the one whose pace this was.
    else this.#goOn?.();
  }

  logFrom(place: number): Log {
    return this.#log.from(place);
  }

  reaches(place: number): boolean {
    return place >= this.#head - this.#kept.length;
  }

  serve(listener: Subscriber): void {
    if (!listener.isReady) return;
    const behind = this.#head - listener.place;
    if (behind > this.#kept.length) return listener.goAlone();
    if (behind > 0) listener.send(behind === this.#kept.length ? this.#kept : this.#kept.slice(-behind), this.#head);
    if (!listener.isReady) return;
    if (this.#isOver) listener.end();
    else this.#goOn?.();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      for (;;) {
        const next = await this.#log.next();
        if (this.#isOver || next.done === true) break;
        this.#keep(await this.answer(next.value), next.value.sequence);
        if (!this.#isAnyReady()) {
          await new Promise<void>((resolve) => {
            this.#goOn = resolve;
          });
          this.#goOn = undefined;
        }
      }
      this.#over();
      this.#send();
    } catch (error) {
      this.#over();
      for (const listener of this.#listeners) listener.fail(error);
    }
  }

  #keep(answer: string, sequence: number): void {
    if (this.#unsent.events >= mostUnsent.events || this.#unsent.bytes + answer.length > mostUnsent.bytes) this.#send();
    if (this.#unsent.events === 0) process.nextTick(() => this.#send());
    this.#unsent.events += 1;
    this.#unsent.bytes += answer.length;
    this.#kept.push(answer);
    this.#keptBytes += answer.length;
    this.#head = sequence;
    while (this.#kept.length > 1 && (this.#kept.length > mostKept.events || this.#keptBytes > mostKept.bytes)) {
      this.#keptBytes -= this.#kept.shift()?.length ?? 0;
    }
  }

  #send(): void {
    this.#unsent = { events: 0, bytes: 0 };
    let isAnyBehind = false;
    for (const listener of this.#listeners) {
      this.serve(listener);
      if (listener.place < this.#head) isAnyBehind = true;
    }
    if (isAnyBehind) return;
    this.#kept = [];
    this.#keptBytes = 0;
  }

  #isAnyReady(): boolean {
    for (const { isReady } of this.#listeners) if (isReady) return true;
    return false;
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#goOn?.();
    void this.#log.return?.();
    this.#onOver();
  }
}
