/** The open parts of a server. They close in the reverse order. */
import type { Logger } from 'pino';
import { within } from '../runtime/timers.ts';

/** After this long, the next part is closed even if this one has not closed yet. */
const closeLimitMs = 5_000;

type Closeable = { close(): Promise<void> | void };

export class OpenParts {
  readonly #log: Logger;
  readonly #open: { part: Closeable; limitMs: number }[] = [];
  #closed: Promise<void> | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Registers and returns a part that has just been opened and should close within `limitMs`. Ignores undefined: the settings do not use that part. */
  add<Part extends Closeable | undefined>(part: Part, limitMs = closeLimitMs): Part {
    if (part !== undefined) this.#open.push({ part, limitMs });
    return part;
  }

  /**
   * Closes every part, the last opened first. If a part fails to close or exceeds its limit, logs an error and closes the
   * next. A second call waits for the first. Never throws.
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
