/** Webhooks that are lost, late, duplicated, forged or wrong. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { type Delivery, defaultDelivery, payloadError } from '../webhooks/delivery.ts';
import { type FaultType, webhookFault } from './fault.ts';

const none = z.object({});

export const webhookFaults: [FaultType, ...FaultType[]] = [
  webhookFault('lose', none, () => (delivery) => ({ ...delivery, isLost: true })),
  webhookFault('never', none, () => (delivery) => ({ ...delivery, isDropped: true })),
  webhookFault('late', z.object({ delayMs: z.int().positive() }), ({ delayMs }) => (delivery) => ({
    ...delivery,
    delayMs,
  })),
  webhookFault(
    'duplicate',
    z.object({ copies: z.int().min(2).max(1000).default(2), parallel: z.boolean().default(false) }),
    ({ copies, parallel }) =>
      (delivery) => ({ ...delivery, copies, parallel }),
  ),
  webhookFault('error', none, () => asError),
  webhookFault('error-after', none, () => (delivery) => ({
    ...delivery,
    next: asError(defaultDelivery(delivery.url, delivery.webhook)),
  })),
  webhookFault('payload-null', none, () => (delivery) => withWebhook(delivery, { payload: 'null', payloadError })),
  webhookFault('gateway-id', z.object({ inHeader: z.boolean().default(false) }), ({ inHeader }) => (delivery) => {
    const id = randomUUID();
    return { ...withWebhook(delivery, { gatewayRequestId: id }), ...(inHeader && { signedId: id }) };
  }),
  webhookFault('unknown-request', none, () => (delivery) => {
    const id = randomUUID();
    return { ...withWebhook(delivery, { requestId: id, gatewayRequestId: id }), signedId: id };
  }),
  webhookFault('unknown-token', none, () => (delivery) => ({ ...delivery, url: withOtherToken(delivery.url) })),
  webhookFault(
    'other-user',
    z.object({ userId: z.string().min(1).default('another|user') }),
    ({ userId }) =>
      (delivery) => ({
        ...delivery,
        userId,
      }),
  ),
  webhookFault('bad-signature', none, () => (delivery) => ({ ...delivery, signature: 'broken' })),
  webhookFault('foreign-key', none, () => (delivery) => ({ ...delivery, signature: 'stranger' })),
  webhookFault('unsigned', none, () => (delivery) => ({ ...delivery, signature: 'none' })),
  webhookFault('old', z.object({ ageSeconds: z.int().default(600) }), ({ ageSeconds }) => (delivery) => ({
    ...delivery,
    ageSeconds,
  })),
  webhookFault('rotate', none, () => (delivery) => ({ ...delivery, rotatesKey: true })),
  webhookFault(
    'oversized',
    z.object({
      bytes: z
        .int()
        .positive()
        .default(10 * 2 ** 20),
    }),
    ({ bytes }) =>
      (delivery) => ({
        ...delivery,
        padBytes: bytes,
      }),
  ),
];

function withWebhook(delivery: Delivery, webhook: Partial<Delivery['webhook']>): Delivery {
  return { ...delivery, webhook: { ...delivery.webhook, ...webhook } };
}

function asError(delivery: Delivery): Delivery {
  const payload = JSON.stringify({ detail: 'Internal Server Error' });
  return withWebhook(delivery, { status: 'ERROR', error: 'Invalid status code: 500', payload });
}

/** The same URL with another last segment, which is the token. */
function withOtherToken(url: string): string {
  const other = new URL(url);
  other.pathname = other.pathname.replace(/[^/]*$/, randomUUID());
  return other.href;
}
