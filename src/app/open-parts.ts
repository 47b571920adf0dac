/** The parts of a server that are open, so that they close in the reverse order. */
import type { Logger } from 'pino';
import { within } from '../runtime/timers.ts';

/** A part that is not closed by then is left behind, so that the next one has its turn. */
const closeLimitMs = 5_000;

type Closeable = { close(): Promise<void> | void };

export class OpenParts {
  readonly #log: Logger;
  readonly #open: { part: Closeable; limitMs: number }[] = [];
  #closed: Promise<void> | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Registers a part that has just opened and closes within `limitMs`, and returns it. A part that the settings leave out is undefined. */
  add<Part extends Closeable | undefined>(part: Part, limitMs = closeLimitMs): Part {
    if (part !== undefined) this.#open.push({ part, limitMs });
    return part;
  }

  /**
   * Closes every part, the last opened first. A part that fails to close, or takes longer than its limit, is logged and
   * keeps no other open. A second call waits for the first. Never throws.
   */
  close(): Promise<void> {
    this.#closed ??= this.#closeAll();
    return this.#closed;
  }

  async #closeAll(): Promise<void> {
    for (const { part, limitMs } of this.#open.splice(0).toReversed()) {
      try {
        await within(limitMs, Promise.resolve(part.close()));
      } catch (error) {
        this.#log.error({ err: error }, 'a part of the server could not be closed');
      }
    }
  }
}
