/** Reads a request's body within limits of bytes and time. Every body of the server is read here. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HttpError } from './http-error.ts';

export type BodyLimit = { maxBytes: number; timeoutMs: number };

/**
 * The chunks as they arrive. Throws HttpError 413 for a body over the limit: by its content-length before the first byte,
 * or else at the byte that passes the limit. A body that takes too long has its connection cut. Leaving the loop early
 * keeps the connection open, so that an answer can be sent.
 */
export async function* readChunks(
  request: IncomingMessage,
  response: ServerResponse,
  { maxBytes, timeoutMs }: BodyLimit,
): AsyncGenerator<Buffer> {
  if (request.headers['content-encoding'] !== undefined) {
    throw new HttpError(415, 'UNSUPPORTED_MEDIA_TYPE', 'A request body must not have a content-encoding.');
  }
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  if (request.headers.expect?.toLowerCase() === '100-continue') response.writeContinue();
  const timer = setTimeout(() => request.destroy(), timeoutMs);
  let received = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      received += chunk.length;
      if (received > maxBytes) throw tooLarge(maxBytes);
      yield chunk;
    }
  } finally {
    clearTimeout(timer);
  }
}

export async function readBytes(request: IncomingMessage, response: ServerResponse, limit: BodyLimit): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of readChunks(request, response, limit)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A small body usually arrives with the headers: then there is nothing to wait for, and no timer to set. */
export async function readText(request: IncomingMessage, response: ServerResponse, limit: BodyLimit): Promise<string> {
  const bytes = readArrived(request, limit) ?? (await readBytes(request, response, limit));
  return bytes.toString('utf8');
}

function readArrived(request: IncomingMessage, { maxBytes }: BodyLimit): Buffer | undefined {
  const { readableLength: length, headers } = request;
  const isWhole = length > 0 && Number(headers['content-length']) === length && !request.destroyed;
  if (!isWhole || length > maxBytes || headers['content-encoding'] !== undefined) return undefined;
  const bytes = request.read() as Buffer;
  // Lets Node read the end of the message.
  request.resume();
  return bytes;
}

const tooLarge = (maxBytes: number) =>
  new HttpError(413, 'REQUEST_TOO_LARGE', `This request may have at most ${maxBytes} bytes.`);
