/**
 * A live stream that the reader pulls: it requests one item at a time, and waits only when there is none. Nothing is
 * buffered for a slow reader. Unlike an async generator, it can be returned while it waits: when a client leaves, its
 * resources are released at once.
 */
export class PullIterator<Item> implements AsyncIterableIterator<Item> {
  readonly #take: () => Promise<Item | 'WAIT' | 'END'>;
  readonly #onStop: () => void;
  #stopped = false;
  #isNudged = false;
  #resume: (() => void) | undefined;

  /**
   * `take` returns the next item; WAIT to be called again after a nudge; or END. `onStop` is called once, when the stream
   * has ended, `take` has thrown, or the reader has returned it.
   */
  constructor(take: () => Promise<Item | 'WAIT' | 'END'>, onStop: () => void) {
    this.#take = take;
    this.#onStop = onStop;
  }

  /** An item may be available. */
  nudge(): void {
    this.#isNudged = true;
    this.#resume?.();
  }

  async next(): Promise<IteratorResult<Item>> {
    try {
      while (!this.#stopped) {
        this.#isNudged = false;
        const item = await this.#take();
        if (item === 'END') break;
        if (item !== 'WAIT') return { value: item, done: false };
        // A nudge during `take` would otherwise be lost: then take again instead of waiting.
        if (!this.#isNudged && !this.#stopped) {
          await new Promise<void>((resolve) => {
            this.#resume = resolve;
          });
          this.#resume = undefined;
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
    this.#resume?.();
    this.#onStop();
  }
}
