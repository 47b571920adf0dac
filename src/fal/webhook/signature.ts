/**
 * fal's signature of a webhook: Ed25519 over four lines, which are the request's id, the id of fal's user, the time and
 * the digest of the body. fal signs for all its users with the same keys: a genuine call is not yet one of ours.
 */
import { createHash, type KeyObject, verify } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export type Signature = {
  requestId: string;
  /** Whose request it was, at fal. */
  falUserId: string;
  /** Unix time. */
  signedAtSeconds: number;
  /** What is signed, and with what. */
  message: Buffer;
  bytes: Buffer;
};

/** fal's clock and ours may be apart by so much, either way. */
const maxSkewSeconds = 300;

/** Undefined when a header is missing or cannot be what it should be. `body` is as it came, byte for byte. */
export function readSignature(headers: IncomingHttpHeaders, body: Uint8Array): Signature | undefined {
  const requestId = textOf(headers, 'request-id');
  const falUserId = textOf(headers, 'user-id');
  const timestamp = textOf(headers, 'timestamp');
  const signature = textOf(headers, 'signature');
  if (requestId === '' || falUserId === '') return undefined;
  // Buffer.from would stop at the first character that is not hex, and say nothing.
  if (!/^\d{1,12}$/.test(timestamp) || !/^[\da-f]{128}$/i.test(signature)) return undefined;
  const digest = createHash('sha256').update(body).digest('hex');
  return {
    requestId,
    falUserId,
    signedAtSeconds: Number(timestamp),
    message: Buffer.from([requestId, falUserId, timestamp, digest].join('\n')),
    bytes: Buffer.from(signature, 'hex'),
  };
}

/** In whole seconds, as fal counts: 300 of them are still in time. */
export function isInTime({ signedAtSeconds }: Signature, now: Date): boolean {
  return Math.abs(Math.floor(now.getTime() / 1000) - signedAtSeconds) <= maxSkewSeconds;
}

export function isSignedWith(key: KeyObject, { message, bytes }: Signature): boolean {
  return verify(null, message, key, bytes);
}

/** Node reads a header's bytes as Latin-1; fal wrote them as UTF-8. */
function textOf(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[`x-fal-webhook-${name}`];
  return typeof value === 'string' ? Buffer.from(value, 'latin1').toString('utf8') : '';
}
