/**
 * fal's call when a request is done: `POST /webhooks/fal/<token>`. Nothing is read of it before its signature is verified,
 * and nothing is believed of it but that there is something to look at.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Logger } from 'pino';
import { failpoint } from '../../runtime/failpoint.ts';
import { KeysUnreachable, type WebhookKeys } from './keys.ts';
import { type Notice, readNotice } from './notice.ts';
import { isInTime, isSignedWith, readSignature } from './signature.ts';

/** Where fal is told to call, below the server's public URL. */
export const webhookPath = (token: string) => `/webhooks/fal/${token}`;

const route = /^\/webhooks\/fal\/([\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12})$/i;

export type WebhookRequest = {
  method: string | undefined;
  path: string;
  headers: IncomingHttpHeaders;
  /** The whole body. What it throws, a body that is too large for one, goes through. */
  readBody: () => Promise<Uint8Array>;
};

/** fal calls again after a pause unless the status is 200. */
export type WebhookAnswer = { status: 200 | 401 | 405 | 503; headers: Record<string, string>; message: string };

export type ReceiveParts = {
  keys: WebhookKeys;
  /**
   * Takes notice, and answers soon: UNKNOWN when the token is nobody's, FOREIGN when the request or fal's user is not
   * the token's. Called again with the same, it does no more than the first time.
   */
  onNotice: (notice: Notice & { token: string }) => Promise<'TAKEN' | 'UNKNOWN' | 'FOREIGN'>;
  now: () => Date;
  log: Logger;
};

/** Throws what `readBody` and `onNotice` throw. */
export async function receiveWebhook(parts: ReceiveParts, request: WebhookRequest): Promise<WebhookAnswer> {
  const { keys, onNotice, now, log } = parts;
  if (request.method !== 'POST') return answer(405, 'A webhook is a POST.', { allow: 'POST' });
  const token = route.exec(request.path)?.[1];
  if (token === undefined) return refused('no URL of ours');
  const body = await request.readBody();
  const signature = readSignature(request.headers, body);
  if (signature === undefined) return refused('not signed');
  if (!isInTime(signature, now())) return refused('signed too long ago, or by another clock');
  try {
    if (!(await keys.some((key) => isSignedWith(key, signature)))) return refused('signed with no key of fal’s');
  } catch (error) {
    if (!(error instanceof KeysUnreachable)) throw error;
    log.warn({ err: error }, 'a webhook cannot be verified');
    return answer(503, 'This cannot be verified now.', { 'retry-after': '60' });
  }
  const notice = readNotice(signature, Buffer.from(body).toString('utf8'));
  if (notice === undefined) return refused('it names no request');
  await failpoint('webhook.verified');
  const outcome = await onNotice({ ...notice, token });
  await failpoint('webhook.applied');
  const { requestId, gatewayRequestId, status } = notice;
  log.debug({ requestId, gatewayRequestId, status, outcome }, 'webhook');
  return outcome === 'FOREIGN' ? refused('another’s request') : answer(200, 'Noted.');

  /** The caller is not told why. */
  function refused(reason: string): WebhookAnswer {
    log.debug({ reason }, 'webhook refused');
    return answer(401, 'This is no webhook of fal’s for this server.');
  }
}

function answer(status: WebhookAnswer['status'], message: string, headers: Record<string, string> = {}): WebhookAnswer {
  return { status, message, headers };
}
