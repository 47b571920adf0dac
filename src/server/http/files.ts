/** /files/*: hands the request to the files' own code, and carries the bytes. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { FileRequest, FileResponse } from '../../storage/serve.ts';

export type ServeFile = (request: FileRequest) => Promise<FileResponse>;

export async function sendFile(
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
