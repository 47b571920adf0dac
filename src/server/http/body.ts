/** A request's body, bounded in bytes and in time before anything is made of it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HttpError } from './http-error.ts';

export type BodyLimit = { maxBytes: number; timeoutMs: number };

/**
 * The chunks as they come. A body over its limit is refused by its content-length before the first byte, or else at the
 * byte that passes it; one that takes too long has its connection cut. Leaving early leaves the connection open, so that
 * there can be an answer.
 */
export async function* readChunks(
  request: IncomingMessage,
  response: ServerResponse,
  { maxBytes, timeoutMs }: BodyLimit,
): AsyncGenerator<Buffer> {
  if (request.headers['content-encoding'] !== undefined) {
    throw new HttpError(415, 'UNSUPPORTED_MEDIA_TYPE', 'A request body is taken without content-encoding only.');
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

/** A small body comes with its headers, and is here already: then nothing is waited for, and no clock set. */
export async function readText(request: IncomingMessage, response: ServerResponse, limit: BodyLimit): Promise<string> {
  const bytes = takeWhole(request, limit) ?? (await readBytes(request, response, limit));
  return bytes.toString('utf8');
}

function takeWhole(request: IncomingMessage, { maxBytes }: BodyLimit): Buffer | undefined {
  const { readableLength: length, headers } = request;
  const isWhole = length > 0 && Number(headers['content-length']) === length && !request.destroyed;
  if (!isWhole || length > maxBytes || headers['content-encoding'] !== undefined) return undefined;
  const bytes = request.read() as Buffer;
  // Its end is still to come, and is nobody's but Node's.
  request.resume();
  return bytes;
}

const tooLarge = (maxBytes: number) =>
  new HttpError(413, 'REQUEST_TOO_LARGE', `A request like this may have ${maxBytes} bytes at most.`);
