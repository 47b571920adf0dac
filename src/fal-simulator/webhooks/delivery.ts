/** One attempt at a webhook: what it says, and how it is sent. A fault plan changes this value, and nothing else. */
import type { FalRequest } from '../queue/request.ts';
import { resultReply } from '../queue/status.ts';
import type { Progress } from '../queue/timeline.ts';

/** What fal says of a request that is done. */
export type WebhookBody = {
  requestId: string;
  /** Another one after fal has repeated a request by itself. */
  gatewayRequestId: string;
  status: 'OK' | 'ERROR';
  error: string | null;
  /** JSON: the result's own text, since a seed may have more digits than a JavaScript number. */
  payload: string;
  /** Said only when there is one. */
  payloadError?: string;
};

export type Delivery = {
  notice: WebhookBody;
  url: string;
  userId: string;
  /** The request that the headers name: the same, or the gateway's. */
  signedId: string;
  /** How old its timestamp is; less than 0: from the future. */
  ageSeconds: number;
  /** `broken`: one bit of a right signature is another. */
  signature: 'own' | 'broken' | 'stranger' | 'none';
  /** Spaces behind the JSON, which the signature covers. */
  padBytes: number;
  delayMs: number;
  /** How often it goes out, one after another or all at once. */
  copies: number;
  parallel: boolean;
  /** It is not sent, as if the network had lost it: fal tries again. */
  isLost: boolean;
  /** Neither is it sent, nor any later one. */
  isDropped: boolean;
  rotatesKey: boolean;
  /** Sent behind it. */
  next?: Delivery;
};

export const userId = 'simulated|user';

/** As fal sends it when nothing goes wrong. */
export function defaultDelivery(url: string, notice: WebhookBody): Delivery {
  return {
    notice,
    url,
    userId,
    signedId: notice.requestId,
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

/** Undefined for a request that was cancelled in the queue: fal sends nothing for it. */
export function webhookBodyOf(request: FalRequest, progress: Progress, baseUrl: string): WebhookBody | undefined {
  const ids = { requestId: request.id, gatewayRequestId: request.id };
  if (progress.status !== 'COMPLETED') return { ...ids, status: 'OK', error: null, payload: 'null', payloadError };
  if (progress.startedAt === undefined) return undefined;
  const { status, body } = resultReply(request, progress, baseUrl);
  const payload = typeof body === 'string' ? body : JSON.stringify(body);
  if (status === 200) return { ...ids, status: 'OK', error: null, payload };
  return { ...ids, status: 'ERROR', error: `Invalid status code: ${status}`, payload };
}

/** Keys in order, with spaces, as fal's Python writes it: whoever verifies must take the bytes as they are. */
export function textOf({ notice, padBytes }: Delivery): string {
  const members = {
    error: JSON.stringify(notice.error),
    gateway_request_id: JSON.stringify(notice.gatewayRequestId),
    payload: notice.payload,
    ...(notice.payloadError !== undefined && { payload_error: JSON.stringify(notice.payloadError) }),
    request_id: JSON.stringify(notice.requestId),
    status: JSON.stringify(notice.status),
  };
  const text = Object.entries(members).map(([name, json]) => `"${name}": ${json}`);
  return `{${text.join(', ')}}${' '.repeat(padBytes)}`;
}
