/**
 * Nudges: hints that something changed, such as a job's log, a cancel request, a webhook or a due step. The receiver then
 * looks in the database. A nudge carries no event and may be lost, repeated or late. Within one process, nudges are function
 * calls. With several processes they go through a target that also reaches the others (redis/nudge-target.ts).
 */
export type NudgeTarget = Pick<EventTarget, 'addEventListener' | 'removeEventListener' | 'dispatchEvent'>;

export class Nudges {
  readonly #target: NudgeTarget | undefined;
  readonly #listeners = new Map<string, Set<(detail: string) => void>>();

  /** Without a target, `send` calls the listeners directly, which spares an Event object for each nudge. */
  constructor(target?: NudgeTarget) {
    this.#target = target;
  }

  /** Calls every listener of the topic. `detail` says what has changed, such as a job’s newest sequence number. */
  send(topic: string, detail = ''): void {
    if (this.#target !== undefined) this.#target.dispatchEvent(new CustomEvent(topic, { detail }));
    else for (const onNudge of this.#listeners.get(topic) ?? []) onNudge(detail);
  }

  /** Calls `onNudge` for every nudge of the topic, until the returned function is called. */
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
