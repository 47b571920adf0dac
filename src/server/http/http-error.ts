/** An error that ends a request before its operation runs. Its body has the shape of a GraphQL error, so that clients show it. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { isDatabaseUnavailable } from '../../database/is-unavailable.ts';

export class HttpError extends Error {
  override name = 'HttpError';
  readonly status: number;
  readonly code: string;
  readonly headers: Record<string, string>;

  constructor(status: number, code: string, message: string, headers: Record<string, string> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/** Something that the server needs cannot be reached for now. */
export const serviceUnavailable = (message: string) =>
  new HttpError(503, 'SERVICE_UNAVAILABLE', message, { 'retry-after': '5' });

/** The HttpError for an expected failure; undefined for an unexpected one. */
export function toHttpError(error: unknown): HttpError | undefined {
  if (error instanceof HttpError) return error;
  if (!isDatabaseUnavailable(error)) return undefined;
  return serviceUnavailable('The database of this server cannot be reached just now. Try again in a moment.');
}

export const badRequest = (message: string) => new HttpError(400, 'BAD_REQUEST', message);

/** How long a client may go on sending after the error was sent. A client that is cut off at once may not read the error. */
const lingerMs = 2_000;

export async function sendError(response: ServerResponse, error: HttpError): Promise<void> {
  const { req: request } = response;
  if (request.complete) {
    sendJsonBody(response, error.status, errorBody(error), error.headers);
    return;
  }
  const text = JSON.stringify(errorBody(error));
  response.writeHead(error.status, { ...jsonHeaders(text), ...error.headers, connection: 'close' });
  response.write(text);
  request.resume();
  const lingering = new AbortController();
  const ended = once(request, 'close', { signal: lingering.signal });
  await Promise.race([ended, wait(lingerMs, undefined, { signal: lingering.signal })]).catch(() => undefined);
  lingering.abort();
  response.end();
}

export function sendJsonBody(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { ...jsonHeaders(text), ...headers });
  response.end(text);
}

const jsonHeaders = (text: string) => ({
  'content-type': 'application/json; charset=utf-8',
  'content-length': Buffer.byteLength(text),
  'cache-control': 'no-store',
});

const errorBody = (error: HttpError) => ({ errors: [{ message: error.message, extensions: { code: error.code } }] });
