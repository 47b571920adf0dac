/** The shared subscriptions that are running, by their keys. */
import type { EventLog, NumberedEvent } from './event-log.ts';
import type { FrameWriter, Payload } from './frame-writer.ts';
import { SharedSubscription } from './shared-subscription.ts';
import { Subscriber } from './subscriber.ts';

export class SharedSubscriptions {
  readonly #running = new Map<string, SharedSubscription>();

  get size(): number {
    return this.#running.size;
  }

  /** How many subscribers all of them have together. */
  get subscribers(): number {
    let count = 0;
    for (const { subscribers } of this.#running.values()) count += subscribers;
    return count;
  }

  /**
   * Adds a subscriber that starts after event number `after`. The first subscriber of a key starts its shared
   * subscription, and its `log` and `payloadOf` serve all: equal keys have to mean equal payloads.
   */
  join(
    key: string,
    after: number,
    options: {
      log: EventLog;
      payloadOf: (event: NumberedEvent) => Promise<Payload> | Payload;
      frameWriter: FrameWriter;
    },
  ): Subscriber {
    const { log, payloadOf, frameWriter } = options;
    const shared =
      this.#running.get(key) ?? new SharedSubscription(log, after, payloadOf, () => this.#running.delete(key));
    this.#running.set(key, shared);
    const subscriber = new Subscriber(shared, after, frameWriter);
    shared.add(subscriber);
    return subscriber;
  }
}
