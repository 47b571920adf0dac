/** The broadcasts that are under way, and who listens to which. */

import type { Answer, Log } from './log.ts';
import { SharedSubscription } from './shared-subscription.ts';
import { type FrameWriter, Subscriber } from './subscriber.ts';

export class SharedSubscriptions {
  readonly #open = new Map<string, SharedSubscription>();

  /** How many there are: what leaving clients must bring down again. */
  get size(): number {
    return this.#open.size;
  }

  /** How many listen, to all of them together. */
  get listeners(): number {
    let count = 0;
    for (const { listeners } of this.#open.values()) count += listeners;
    return count;
  }

  /**
   * Listens to the broadcast of that name from behind event number `place`. The first of a name brings its log, and the
   * way to answer, for all: what has the same name must be answered alike.
   */
  listen(
    name: string,
    place: number,
    { log, answer, outlet }: { log: Log; answer: Answer; outlet: FrameWriter },
  ): Subscriber {
    const broadcast = this.#open.get(name) ?? new SharedSubscription(log, place, answer, () => this.#open.delete(name));
    this.#open.set(name, broadcast);
    const listener = new Subscriber(broadcast, place, outlet);
    broadcast.add(listener);
    return listener;
  }
}
