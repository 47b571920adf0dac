/**
 * WebSocket text frames of a server (RFC 6455, 5.2), as text whose characters are the bytes, to be written as latin1. A short
 * text is written from the stack, where a buffer for each message of each client is memory to take and to give back: at
 * 300 bytes that is a third of the whole cost.
 */

/** A text's UTF-8, a character for each byte. */
export const bytesOf = (text: string): string =>
  Buffer.byteLength(text) === text.length ? text : Buffer.from(text).toString('latin1');

/** What stands before a message of so many bytes: it is whole, and without a mask. */
export function frameHead(length: number): string {
  if (length === last.length) return last.head;
  last = { length, head: headOf(length) };
  return last.head;
}

/** A broadcast asks for the same again and again. */
let last = { length: 0, head: headOf(0) };

function headOf(length: number): string {
  if (length < 126) return String.fromCharCode(0x81, length);
  if (length < 65_536) return String.fromCharCode(0x81, 126, length >> 8, length & 255);
  const head = Buffer.from([0x81, 127, 0, 0, 0, 0, 0, 0, 0, 0]);
  head.writeBigUInt64BE(BigInt(length), 2);
  return head.toString('latin1');
}
