/** What the hook of /files/* is asked and what it answers; the server only carries the bytes. */
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export type FileRequest = { method: string | undefined; url: URL; headers: IncomingHttpHeaders };

/** An answer with a stream has it read to its end or destroyed, whatever becomes of the client. */
export type FileResponse = { status: number; headers: OutgoingHttpHeaders; body: Readable | Uint8Array | null };

export type ServeFile = (request: FileRequest) => Promise<FileResponse>;

export async function answerFile(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  serveFile: ServeFile,
): Promise<void> {
  const { status, headers, body } = await serveFile({ method: request.method, url, headers: request.headers });
  response.writeHead(status, { 'x-content-type-options': 'nosniff', ...headers });
  if (body === null || body instanceof Uint8Array) {
    response.end(request.method === 'HEAD' ? null : body);
    return;
  }
  if (request.method === 'HEAD') {
    body.destroy();
    response.end();
    return;
  }
  await pipeline(body, response);
}
