/** /webhooks/*: hands the request to the receiver, which reads the body within the server's limits. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { WebhookRequest, WebhookResponse } from '../../fal/webhook/receive.ts';
import type { Limits } from '../../runtime/limits.ts';
import { readBytes } from './body.ts';
import { HttpError, sendJsonBody } from './http-error.ts';

export type ReceiveWebhook = (request: WebhookRequest) => Promise<WebhookResponse>;

const codes = { 401: 'UNAUTHORIZED', 405: 'METHOD_NOT_ALLOWED', 503: 'SERVICE_UNAVAILABLE' };

export async function sendToReceiver(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  receive: ReceiveWebhook,
  limits: Limits,
): Promise<void> {
  const limit = { maxBytes: limits.requestBytes, timeoutMs: limits.requestTimeoutMs };
  const readBody = () => readBytes(request, response, limit);
  const { status, headers, message } = await receive({
    method: request.method,
    path,
    headers: request.headers,
    readBody,
  });
  if (status !== 200) throw new HttpError(status, codes[status], message, headers);
  sendJsonBody(response, 200, { message });
}
