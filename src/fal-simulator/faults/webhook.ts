/** Webhooks that are lost, late, repeated, forged, or that say something else. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { type Delivery, defaultDelivery, payloadError } from '../webhooks/delivery.ts';
import { type FaultType, webhookFault } from './fault.ts';

const none = z.object({});

export const webhookFaults: [FaultType, ...FaultType[]] = [
  webhookFault('lose', none, () => (given) => ({ ...given, isLost: true })),
  webhookFault('never', none, () => (given) => ({ ...given, isDropped: true })),
  webhookFault('late', z.object({ delayMs: z.int().positive() }), ({ delayMs }) => (given) => ({ ...given, delayMs })),
  webhookFault(
    'duplicate',
    z.object({ copies: z.int().min(2).max(1000).default(2), parallel: z.boolean().default(false) }),
    ({ copies, parallel }) =>
      (given) => ({ ...given, copies, parallel }),
  ),
  webhookFault('error', none, () => asError),
  webhookFault('error-after', none, () => (given) => ({
    ...given,
    next: asError(defaultDelivery(given.url, given.notice)),
  })),
  webhookFault('payload-null', none, () => (given) => saying(given, { payload: 'null', payloadError })),
  webhookFault('gateway-id', z.object({ inHeader: z.boolean().default(false) }), ({ inHeader }) => (given) => {
    const id = randomUUID();
    return { ...saying(given, { gatewayRequestId: id }), ...(inHeader && { signedId: id }) };
  }),
  webhookFault('unknown-request', none, () => (given) => {
    const id = randomUUID();
    return { ...saying(given, { requestId: id, gatewayRequestId: id }), signedId: id };
  }),
  webhookFault('unknown-token', none, () => (given) => ({ ...given, url: elsewhere(given.url) })),
  webhookFault(
    'other-user',
    z.object({ userId: z.string().min(1).default('another|user') }),
    ({ userId }) =>
      (given) => ({
        ...given,
        userId,
      }),
  ),
  webhookFault('bad-signature', none, () => (given) => ({ ...given, signature: 'broken' })),
  webhookFault('foreign-key', none, () => (given) => ({ ...given, signature: 'stranger' })),
  webhookFault('unsigned', none, () => (given) => ({ ...given, signature: 'none' })),
  webhookFault('old', z.object({ ageSeconds: z.int().default(600) }), ({ ageSeconds }) => (given) => ({
    ...given,
    ageSeconds,
  })),
  webhookFault('rotate', none, () => (given) => ({ ...given, rotatesKey: true })),
  webhookFault(
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
