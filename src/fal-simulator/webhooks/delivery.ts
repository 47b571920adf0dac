/** One attempt to deliver a webhook, as a value: its body and how it is sent. Faults change this value. */
import type { FalRequest } from '../queue/request.ts';
import { resultReply } from '../queue/status.ts';
import type { Progress } from '../queue/timeline.ts';

/** fal's report of a request that is done. */
export type WebhookBody = {
  requestId: string;
  /** Differs from `requestId` when fal itself retried the request. */
  gatewayRequestId: string;
  status: 'OK' | 'ERROR';
  error: string | null;
  /** JSON text, because a seed can have more digits than a JavaScript number holds. */
  payload: string;
  /** Left out when undefined. */
  payloadError?: string;
};

export type Delivery = {
  webhook: WebhookBody;
  url: string;
  userId: string;
  /** The request id in the signed headers: `requestId` or `gatewayRequestId`. */
  signedId: string;
  /** The age of its timestamp; negative for a time in the future. */
  ageSeconds: number;
  /** `broken` flips one bit of a valid signature; `stranger` signs with a key that is not in the JWKS. */
  signature: 'own' | 'broken' | 'stranger' | 'none';
  /** The number of spaces after the JSON; the signature covers them. */
  padBytes: number;
  delayMs: number;
  /** How many times it is sent: in sequence, or all at once if `parallel`. */
  copies: number;
  parallel: boolean;
  /** Not sent, as if the network lost it; fal tries again. */
  isLost: boolean;
  /** Not sent, and no later attempt is made. */
  isDropped: boolean;
  rotatesKey: boolean;
  /** Sent after it. */
  next?: Delivery;
};

export const userId = 'simulated|user';

/** A delivery without faults. */
export function defaultDelivery(url: string, webhook: WebhookBody): Delivery {
  return {
    webhook,
    url,
    userId,
    signedId: webhook.requestId,
    ageSeconds: 0,
    signature: 'own',
    padBytes: 0,
    delayMs: 0,
    copies: 1,
    parallel: false,
    isLost: false,
    isDropped: false,
    rotatesKey: false,
  };
}

export const payloadError =
  'Response payload is not JSON serializable. Either return a JSON serializable object or use the queue endpoint to retrieve the response.';

/** Undefined for a request that was cancelled in the queue, for which fal sends no webhook. */
export function webhookBodyOf(request: FalRequest, progress: Progress, baseUrl: string): WebhookBody | undefined {
  const ids = { requestId: request.id, gatewayRequestId: request.id };
  if (progress.status !== 'COMPLETED') return { ...ids, status: 'OK', error: null, payload: 'null', payloadError };
  if (progress.startedAt === undefined) return undefined;
  const { status, body } = resultReply(request, progress, baseUrl);
  const payload = typeof body === 'string' ? body : JSON.stringify(body);
  if (status === 200) return { ...ids, status: 'OK', error: null, payload };
  return { ...ids, status: 'ERROR', error: `Invalid status code: ${status}`, payload };
}

/** Sorted keys and spaces, as fal's Python writes JSON, so that a receiver must verify the bytes as received. */
export function serialize({ webhook, padBytes }: Delivery): string {
  const members = {
    error: JSON.stringify(webhook.error),
    gateway_request_id: JSON.stringify(webhook.gatewayRequestId),
    payload: webhook.payload,
    ...(webhook.payloadError !== undefined && { payload_error: JSON.stringify(webhook.payloadError) }),
    request_id: JSON.stringify(webhook.requestId),
    status: JSON.stringify(webhook.status),
  };
  const text = Object.entries(members).map(([name, json]) => `"${name}": ${json}`);
  return `{${text.join(', ')}}${' '.repeat(padBytes)}`;
}
