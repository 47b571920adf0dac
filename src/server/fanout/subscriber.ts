/**
 * One subscriber of a broadcast. It is sent its messages by the broadcast and not by whoever iterates it: as an iterator it
 * only ends, when the log has, when it is left, or with an error.
 */
import type { Answer, Log } from './log.ts';

/**
 * Sends answers to one client. True when the client's connection took them at once; else the taker is told when it has, and
 * never when it closes.
 */
export type FrameWriter = { send(answers: readonly string[], taker: { taken(): void }): boolean };

/** What a listener knows of its broadcast. */
export type Heard = {
  answer: Answer;
  /** Another way through the log. */
  logFrom: (place: number) => Log;
  /** Whether a listener that has everything up to there need not go alone. */
  reaches: (place: number) => boolean;
  /** Sends what there is for it, if it is ready. */
  serve: (listener: Subscriber) => void;
  delete: (listener: Subscriber) => void;
};

export class Subscriber implements AsyncIterableIterator<never> {
  /** It has been sent every event up to that number. */
  place: number;
  /** Nothing is under way to it. */
  isReady = true;
  readonly #broadcast: Heard;
  readonly #outlet: FrameWriter;
  #alone: Log | undefined;
  #isOver = false;
  #settle: { end: () => void; fail: (error: unknown) => void } | undefined;
  #error: { is: unknown } | undefined;

  constructor(broadcast: Heard, place: number, outlet: FrameWriter) {
    this.#broadcast = broadcast;
    this.place = place;
    this.#outlet = outlet;
  }

  /** The answers up to event number `head`. */
  send(answers: readonly string[], head: number): void {
    this.place = head;
    try {
      this.isReady = this.#outlet.send(answers, this);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Its client's connection has taken what it was sent. */
  taken(): void {
    if (this.#isOver) return;
    this.isReady = true;
    this.#broadcast.serve(this);
  }

  /** Reads the log on its own, at its own pace, until the broadcast reaches back to its place. */
  goAlone(): void {
    this.isReady = false;
    this.#catchUp().catch((error: unknown) => this.fail(error));
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.isReady = false;
    this.#broadcast.delete(this);
    void this.#alone?.return?.();
    this.#settle?.end();
  }

  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#error = { is: error };
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
    } else if (this.#error !== undefined) {
      const { is } = this.#error;
      this.#error = undefined;
      throw is;
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
    const log = this.#broadcast.logFrom(this.place);
    this.#alone = log;
    while (!this.#broadcast.reaches(this.place)) {
      const next = await log.next();
      if (this.#isOver) return;
      if (next.done === true) return this.end();
      const answer = await this.#broadcast.answer(next.value);
      if (this.#isOver) return;
      await new Promise<void>((resolve) => {
        if (this.#outlet.send([answer], { taken: resolve })) resolve();
      });
      this.place = next.value.sequence;
    }
    this.#alone = undefined;
    void log.return?.();
    this.taken();
  }
}
