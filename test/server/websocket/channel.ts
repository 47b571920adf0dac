/** A source of events that behaves like the server's own: each follower has a bounded queue, and `return` ends it even while it waits. */

export class Channel<Value> {
  readonly #followers = new Set<Follower<Value>>();

  /** How many followers the channel has had in all. */
  opened = 0;

  get open(): number {
    return this.#followers.size;
  }

  publish(value: Value): void {
    for (const follower of this.#followers) follower.publish(value);
  }

  end(): void {
    for (const follower of this.#followers) void follower.return();
  }

  follow(): AsyncIterableIterator<Value> {
    const follower = new Follower<Value>((left) => this.#followers.delete(left));
    this.#followers.add(follower);
    this.opened += 1;
    return follower;
  }
}

class Follower<Value> implements AsyncIterableIterator<Value> {
  readonly #leave: (follower: Follower<Value>) => void;
  #queue: Value[] = [];
  #wake: (() => void) | undefined;
  #isEnded = false;
  #isTooSlow = false;

  constructor(leave: (follower: Follower<Value>) => void) {
    this.#leave = leave;
  }

  publish(value: Value): void {
    if (this.#queue.length >= 100) {
      this.#queue = [];
      this.#isTooSlow = true;
      this.#leave(this);
    } else {
      this.#queue.push(value);
    }
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<Value>> {
    for (;;) {
      if (this.#isTooSlow) {
        throw Object.assign(new Error('Too slow.'), { extensions: { code: 'SUBSCRIBER_TOO_SLOW' } });
      }
      const value = this.#queue.shift();
      if (value !== undefined) return { done: false, value };
      if (this.#isEnded) return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async return(): Promise<IteratorResult<Value>> {
    this.#isEnded = true;
    this.#leave(this);
    this.#wake?.();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
