/** Calls that end without a complete response. The important question is whether the request can have reached fal. */

/**
 * No complete response. It has no `code` and no `cause`, because the fal client repeats a request by itself when it finds
 * a network error there.
 */
export class NoResponse extends Error {
  override name = 'NoResponse';
  /** False when no connection was made, so that nothing left this machine. */
  readonly wasSent: boolean;
  /** True when this server aborted the call because it is shutting down. */
  readonly isClosing: boolean;

  constructor(message: string, wasSent: boolean, { isClosing = false } = {}) {
    super(message);
    this.wasSent = wasSent;
    this.isClosing = isClosing;
  }
}

export class ResponseTimeout extends NoResponse {
  constructor(message: string) {
    super(message, true);
  }
}
