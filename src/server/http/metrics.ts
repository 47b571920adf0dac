/** /metrics: what the server counts, to whoever may scrape it. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HttpError } from './http-error.ts';

export type Exposed = {
  /** What a scraper sends; undefined asks it for nothing. */
  token: string | undefined;
  read: () => Promise<{ contentType: string; text: string }>;
};

/** Throws HttpError 401. */
export async function answerMetrics(
  request: IncomingMessage,
  response: ServerResponse,
  { token, read }: Exposed,
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

/** In the same time, however much of it is right. */
function isBearer(authorization: string | undefined, token: string): boolean {
  const given = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  return given !== undefined && timingSafeEqual(digest(given), digest(token));
}

const digest = (text: string) => createHash('sha256').update(text).digest();
