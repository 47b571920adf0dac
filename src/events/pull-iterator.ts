/**
 * A live stream that is pulled: the reader asks for the next item, and waits only when there is none. Nothing is pushed
 * at it, so a slow reader costs its place in the stream and no memory. Unlike an async generator it can be returned
 * while it waits: a client that leaves releases it at once.
 */
export class PullIterator<Item> implements AsyncIterableIterator<Item> {
  readonly #take: () => Promise<Item | 'WAIT' | 'END'>;
  readonly #onStop: () => void;
  #stopped = false;
  #isNudged = false;
  #waiting: (() => void) | undefined;

  /**
   * `take` gives the next item, or says to wait for a nudge, or that this was all. `onStop` is called once: when the
   * stream has ended, failed, or been left.
   */
  constructor(take: () => Promise<Item | 'WAIT' | 'END'>, onStop: () => void) {
    this.#take = take;
    this.#onStop = onStop;
  }

  /** There may be something to take. */
  nudge(): void {
    this.#isNudged = true;
    this.#waiting?.();
  }

  async next(): Promise<IteratorResult<Item>> {
    try {
      while (!this.#stopped) {
        this.#isNudged = false;
        const item = await this.#take();
        if (item === 'END') break;
        if (item !== 'WAIT') return { value: item, done: false };
        // A nudge that came while taking found nobody waiting: look again instead of waiting for the next.
        if (!this.#isNudged && !this.#stopped) {
          await new Promise<void>((resolve) => {
            this.#waiting = resolve;
          });
          this.#waiting = undefined;
        }
      }
    } catch (error) {
      this.#stop();
      throw error;
    }
    this.#stop();
    return { value: undefined, done: true };
  }

  async return(): Promise<IteratorResult<Item>> {
    this.#stop();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#waiting?.();
    this.#onStop();
  }
}
