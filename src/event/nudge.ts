/**
 * Nudges: "look at the log". They carry no event, may be lost, doubled or late, and are never the truth. In one process
 * a plain EventTarget; over several processes any other that has the same two methods (Yoga's Redis event target).
 */
export type NudgeTarget = Pick<EventTarget, 'addEventListener' | 'removeEventListener' | 'dispatchEvent'>;

export class Nudges {
  readonly #target: NudgeTarget;

  constructor(target: NudgeTarget = new EventTarget()) {
    this.#target = target;
  }

  /** Tells every listener of the topic, with a word of detail: which of many to look at. */
  send(topic: string, detail = ''): void {
    this.#target.dispatchEvent(new CustomEvent(topic, { detail }));
  }

  /** Listens until the returned function is called. */
  listen(topic: string, onNudge: (detail: string) => void): () => void {
    const listener = (event: Event) => onNudge(String((event as CustomEvent<unknown>).detail));
    this.#target.addEventListener(topic, listener);
    return () => this.#target.removeEventListener(topic, listener);
  }
}
