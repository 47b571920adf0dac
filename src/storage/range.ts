/** Which bytes of a file a Range header asks for: RFC 9110, one range. */

/** First and last byte, both included. */
export type ByteRange = { start: number; end: number };

/** Undefined means the whole file: there is no range, its unit is not bytes, there are several, or it is malformed. */
export function parseRange(header: string | undefined, byteSize: number): ByteRange | 'UNSATISFIABLE' | undefined {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  if (first === '') {
    const start = Math.max(0, byteSize - Number(last));
    return Number(last) > 0 && byteSize > 0 ? { start, end: byteSize - 1 } : 'UNSATISFIABLE';
  }
  if (last !== '' && Number(last) < Number(first)) return undefined;
  if (Number(first) >= byteSize) return 'UNSATISFIABLE';
  return { start: Number(first), end: last === '' ? byteSize - 1 : Math.min(Number(last), byteSize - 1) };
}
