/** How a shared subscription writes to one client: as WebSocket messages or as server-sent events. */

/**
 * The result of one event as JSON, in a byte string: its UTF-8 with one character per byte. Byte strings are written as
 * latin1, which spares a buffer for each client and message: at 300 bytes, a third of the whole cost.
 */
export type Payload = string;

export type DrainListener = { drained(): void };

export type FrameWriter = {
  /**
   * Writes each payload as one message. Returns true when the connection took them at once; otherwise `listener.drained`
   * is called when it has, and never on a connection that closes.
   */
  write(payloads: readonly Payload[], listener: DrainListener): boolean;
};

export const toByteString = (text: string): string =>
  Buffer.byteLength(text) === text.length ? text : Buffer.from(text).toString('latin1');
