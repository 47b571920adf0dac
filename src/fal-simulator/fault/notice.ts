/** Webhooks that are lost, late, repeated, forged, or that say something else. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { type Delivery, payloadError, plainDelivery } from '../delivery.ts';
import { type Act, alters } from './act.ts';

const none = z.object({});

export const noticeActs: [Act, ...Act[]] = [
  alters('lose', none, () => (given) => ({ ...given, isLost: true })),
  alters('never', none, () => (given) => ({ ...given, isDropped: true })),
  alters('late', z.object({ delayMs: z.int().positive() }), ({ delayMs }) => (given) => ({ ...given, delayMs })),
  alters(
    'duplicate',
    z.object({ copies: z.int().min(2).max(1000).default(2), parallel: z.boolean().default(false) }),
    ({ copies, parallel }) =>
      (given) => ({ ...given, copies, parallel }),
  ),
  alters('error', none, () => asError),
  alters('error-after', none, () => (given) => ({ ...given, next: asError(plainDelivery(given.url, given.notice)) })),
  alters('payload-null', none, () => (given) => saying(given, { payload: 'null', payloadError })),
  alters('gateway-id', z.object({ inHeader: z.boolean().default(false) }), ({ inHeader }) => (given) => {
    const id = randomUUID();
    return { ...saying(given, { gatewayRequestId: id }), ...(inHeader && { signedId: id }) };
  }),
  alters('unknown-request', none, () => (given) => {
    const id = randomUUID();
    return { ...saying(given, { requestId: id, gatewayRequestId: id }), signedId: id };
  }),
  alters('unknown-token', none, () => (given) => ({ ...given, url: elsewhere(given.url) })),
  alters('other-user', z.object({ userId: z.string().min(1).default('another|user') }), ({ userId }) => (given) => ({
    ...given,
    userId,
  })),
  alters('bad-signature', none, () => (given) => ({ ...given, signature: 'broken' })),
  alters('foreign-key', none, () => (given) => ({ ...given, signature: 'stranger' })),
  alters('unsigned', none, () => (given) => ({ ...given, signature: 'none' })),
  alters('old', z.object({ ageSeconds: z.int().default(600) }), ({ ageSeconds }) => (given) => ({
    ...given,
    ageSeconds,
  })),
  alters('rotate', none, () => (given) => ({ ...given, rotatesKey: true })),
  alters(
    'oversized',
    z.object({
      bytes: z
        .int()
        .positive()
        .default(10 * 2 ** 20),
    }),
    ({ bytes }) =>
      (given) => ({
        ...given,
        padBytes: bytes,
      }),
  ),
];

function saying(given: Delivery, notice: Partial<Delivery['notice']>): Delivery {
  return { ...given, notice: { ...given.notice, ...notice } };
}

function asError(given: Delivery): Delivery {
  const payload = JSON.stringify({ detail: 'Internal Server Error' });
  return saying(given, { status: 'ERROR', error: 'Invalid status code: 500', payload });
}

/** The same address with another last segment, which is where a token is. */
function elsewhere(url: string): string {
  const other = new URL(url);
  other.pathname = other.pathname.replace(/[^/]*$/, randomUUID());
  return other.href;
}
