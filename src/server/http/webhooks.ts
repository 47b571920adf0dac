/** What the hook of /webhooks/* is asked and what it answers; the server only reads the body, within its limits. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Limits } from '../limits/limits.ts';
import { readBytes } from './body.ts';
import { answerJson, HttpError } from './http-error.ts';

export type WebhookRequest = {
  method: string | undefined;
  path: string;
  headers: IncomingHttpHeaders;
  readBody: () => Promise<Uint8Array>;
};

export type WebhookAnswer = { status: 200 | 401 | 405 | 503; headers: Record<string, string>; message: string };

export type ReceiveWebhook = (request: WebhookRequest) => Promise<WebhookAnswer>;

const codes = { 401: 'UNAUTHORIZED', 405: 'METHOD_NOT_ALLOWED', 503: 'SERVICE_UNAVAILABLE' };

export async function answerWebhook(
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
  answerJson(response, 200, { message });
}
