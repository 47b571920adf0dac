/** The parts of a server that are open, so that they close in the reverse order. */
import type { Logger } from 'pino';

type Closeable = { close(): Promise<void> | void };

export class OpenParts {
  readonly #log: Logger;
  readonly #open: Closeable[] = [];
  #closed: Promise<void> | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Registers a part that has just opened, and returns it. A part that the settings leave out is undefined. */
  add<Part extends Closeable | undefined>(part: Part): Part {
    if (part !== undefined) this.#open.push(part);
    return part;
  }

  /** Closes every part, the last opened first. A part that fails to close is logged and keeps no other open. A second call waits for the first. */
  close(): Promise<void> {
    this.#closed ??= this.#closeAll();
    return this.#closed;
  }

  async #closeAll(): Promise<void> {
    for (const part of this.#open.splice(0).toReversed()) {
      try {
        await part.close();
      } catch (error) {
        this.#log.error({ err: error }, 'a part of the server could not be closed');
      }
    }
  }
}
