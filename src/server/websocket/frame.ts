/** The heads of WebSocket text frames that a server sends (RFC 6455, 5.2), as byte strings: see fanout/frame-writer.ts. */

/** The head of an unmasked, unfragmented message of `length` bytes. */
export function frameHead(length: number): string {
  if (length === last.length) return last.head;
  last = { length, head: headOf(length) };
  return last.head;
}

/** A shared subscription writes the same length to many clients in a row. */
let last = { length: 0, head: headOf(0) };

function headOf(length: number): string {
  if (length < 126) return String.fromCharCode(0x81, length);
  if (length < 65_536) return String.fromCharCode(0x81, 126, length >> 8, length & 255);
  const head = Buffer.from([0x81, 127, 0, 0, 0, 0, 0, 0, 0, 0]);
  head.writeBigUInt64BE(BigInt(length), 2);
  return head.toString('latin1');
}
