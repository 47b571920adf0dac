/**
 * fal's signature of a webhook: Ed25519 over four lines: the request's id, the id of fal's user, the time, and the SHA-256
 * of the body (https://docs.fal.ai/model-endpoints/webhooks). fal signs for all its users with the same keys, so that a
 * valid signature does not prove that a webhook is for this server.
 */
import { createHash, type KeyObject, verify } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export type Signature = {
  requestId: string;
  /** The user at fal who made the request. */
  falUserId: string;
  /** Unix time. */
  signedAtSeconds: number;
  /** The signed bytes. */
  message: Buffer;
  bytes: Buffer;
};

/** The largest difference between fal's clock and ours, either way. */
const maxSkewSeconds = 300;

/** Undefined when a header is missing or malformed. `body` must be the received bytes, unchanged. */
export function readSignature(headers: IncomingHttpHeaders, body: Uint8Array): Signature | undefined {
  const requestId = textOf(headers, 'request-id');
  const falUserId = textOf(headers, 'user-id');
  const timestamp = textOf(headers, 'timestamp');
  const signature = textOf(headers, 'signature');
  if (requestId === '' || falUserId === '') return undefined;
  // Buffer.from silently stops at the first character that is not hexadecimal.
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

/** Compares whole seconds, as fal does: a difference of exactly 300 is in time. */
export function isInTime({ signedAtSeconds }: Signature, now: Date): boolean {
  return Math.abs(Math.floor(now.getTime() / 1000) - signedAtSeconds) <= maxSkewSeconds;
}

export function isSignedWith(key: KeyObject, { message, bytes }: Signature): boolean {
  return verify(null, message, key, bytes);
}

/** Node decodes headers as Latin-1; fal sends UTF-8. */
function textOf(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[`x-fal-webhook-${name}`];
  return typeof value === 'string' ? Buffer.from(value, 'latin1').toString('utf8') : '';
}
