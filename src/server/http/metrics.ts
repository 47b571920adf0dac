/** /metrics: the server's metrics, for a scraper with the token. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HttpError } from './http-error.ts';

export type MetricsEndpoint = {
  /** What a scraper has to send as its bearer token; undefined lets anybody read. */
  token: string | undefined;
  read: () => Promise<{ contentType: string; text: string }>;
};

/** Throws HttpError 401. */
export async function sendMetrics(
  request: IncomingMessage,
  response: ServerResponse,
  { token, read }: MetricsEndpoint,
): Promise<void> {
  if (token !== undefined && !isBearer(request.headers.authorization, token)) {
    throw new HttpError(401, 'UNAUTHENTICATED', 'Send the METRICS_TOKEN of this server as `Authorization: Bearer …`.', {
      'www-authenticate': 'Bearer',
    });
  }
  const { contentType, text } = await read();
  response.writeHead(200, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  });
  response.end(request.method === 'HEAD' ? undefined : text);
}

/** Compares in constant time. */
function isBearer(authorization: string | undefined, token: string): boolean {
  const sent = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  return sent !== undefined && timingSafeEqual(digest(sent), digest(token));
}

const digest = (text: string) => createHash('sha256').update(text).digest();
