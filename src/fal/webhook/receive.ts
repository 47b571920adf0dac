/**
 * Receives fal's webhook for a request that is done: `POST /webhooks/fal/<token>`. Verifies the signature before it parses
 * the body. A webhook only triggers a read of the request's status: its content is not trusted.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Logger } from 'pino';
import { failpoint } from '../../runtime/failpoint.ts';
import { KeysUnreachable, type WebhookKeys } from './keys.ts';
import { readPayload, type WebhookPayload } from './payload.ts';
import { isInTime, isSignedWith, readSignature } from './signature.ts';

/** The path of the webhook URL, below the server's public URL. */
export const webhookPath = (token: string) => `/webhooks/fal/${token}`;

const route = /^\/webhooks\/fal\/([\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12})$/i;

export type WebhookRequest = {
  method: string | undefined;
  path: string;
  headers: IncomingHttpHeaders;
  /** Reads the complete body. May throw, for example when the body is too large. */
  readBody: () => Promise<Uint8Array>;
};

/** fal retries after a pause unless the status is 200. */
export type WebhookResponse = { status: 200 | 401 | 405 | 503; headers: Record<string, string>; message: string };

export type ReceiveParts = {
  keys: WebhookKeys;
  /**
   * Handles a verified webhook and resolves soon: UNKNOWN when no job has the token, FOREIGN when the request or fal's user
   * is not the one of that job. A repeated call with the same payload changes nothing.
   */
  onWebhook: (payload: WebhookPayload & { token: string }) => Promise<'TAKEN' | 'UNKNOWN' | 'FOREIGN'>;
  now: () => Date;
  log: Logger;
};

/** Throws what `readBody` and `onWebhook` throw. */
export async function receiveWebhook(parts: ReceiveParts, request: WebhookRequest): Promise<WebhookResponse> {
  const { keys, onWebhook, now, log } = parts;
  if (request.method !== 'POST') return response(405, 'Send webhooks with POST.', { allow: 'POST' });
  const token = route.exec(request.path)?.[1];
  if (token === undefined) return rejected('the path has no token');
  const body = await request.readBody();
  const signature = readSignature(request.headers, body);
  if (signature === undefined) return rejected('the signature is missing or malformed');
  if (!isInTime(signature, now())) return rejected('the timestamp is more than 300 seconds off');
  try {
    if (!(await keys.some((key) => isSignedWith(key, signature)))) return rejected('no key of fal fits the signature');
  } catch (error) {
    if (!(error instanceof KeysUnreachable)) throw error;
    log.warn({ err: error }, 'A webhook cannot be verified now.');
    return response(503, 'The signature cannot be verified now.', { 'retry-after': '60' });
  }
  const payload = readPayload(signature, Buffer.from(body).toString('utf8'));
  if (payload === undefined) return rejected('the payload names no request');
  await failpoint('webhook.verified');
  const outcome = await onWebhook({ ...payload, token });
  await failpoint('webhook.applied');
  const { requestId, gatewayRequestId, status } = payload;
  log.debug({ requestId, gatewayRequestId, status, outcome }, 'A webhook was handled.');
  return outcome === 'FOREIGN' ? rejected('the request belongs to another job') : response(200, 'Accepted.');

  /** Logs the reason; the response does not contain it. */
  function rejected(reason: string): WebhookResponse {
    log.debug({ reason }, 'A webhook was rejected.');
    return response(401, 'This is not a valid webhook for this server.');
  }
}

function response(
  status: WebhookResponse['status'],
  message: string,
  headers: Record<string, string> = {},
): WebhookResponse {
  return { status, message, headers };
}
