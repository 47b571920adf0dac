/**
 * Nudges: "look at the log". They carry no event, may be lost, doubled or late, and are never the truth. In one process
 * they are calls; over several they go through a target that tells the others too, as redis/nudge-target.ts.
 */
export type NudgeTarget = Pick<EventTarget, 'addEventListener' | 'removeEventListener' | 'dispatchEvent'>;

export class Nudges {
  readonly #target: NudgeTarget | undefined;
  readonly #listeners = new Map<string, Set<(detail: string) => void>>();

  /** Without a target, listeners are called by whoever sends: an Event for each nudge of each job would cost more than it tells. */
  constructor(target?: NudgeTarget) {
    this.#target = target;
  }

  /** Tells every listener of the topic, with a word of detail: which of many to look at. */
  send(topic: string, detail = ''): void {
    if (this.#target !== undefined) this.#target.dispatchEvent(new CustomEvent(topic, { detail }));
    else for (const onNudge of this.#listeners.get(topic) ?? []) onNudge(detail);
  }

  /** Listens until the returned function is called. */
  listen(topic: string, onNudge: (detail: string) => void): () => void {
    const target = this.#target;
    if (target !== undefined) {
      const listener = (event: Event) => onNudge(String((event as CustomEvent<unknown>).detail));
      target.addEventListener(topic, listener);
      return () => target.removeEventListener(topic, listener);
    }
    const listeners = this.#listeners.get(topic) ?? new Set();
    const listener = (detail: string) => onNudge(detail);
    this.#listeners.set(topic, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(topic) === listeners) this.#listeners.delete(topic);
    };
  }
}
