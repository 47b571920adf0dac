/**
 * What the simulator answers to one call, as a value: routes make it, server.ts sends it. Between the two is the place
 * to spoil an answer on purpose.
 */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export type Reply = {
  status: number;
  headers?: Record<string, string | number>;
  /** An object is sent as JSON; a string as JSON too, unless the headers name another type. */
  body?: object | string | Readable | AsyncIterable<string>;
};

/** Sends it whole, or stops when the caller leaves. Never rejects. */
export async function send(reply: Reply, response: ServerResponse, withBody: boolean): Promise<void> {
  const { status, headers = {}, body } = reply;
  const stream = body instanceof Readable ? body : undefined;
  if (body === undefined || !withBody) {
    stream?.destroy();
    response.writeHead(status, body === undefined ? { ...headers, 'content-length': 0 } : headers).end();
    return;
  }
  const source = stream ?? (isAsync(body) ? Readable.from(body) : undefined);
  if (source === undefined) {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const length = Buffer.byteLength(text);
    response.writeHead(status, { 'content-type': 'application/json', ...headers, 'content-length': length }).end(text);
    return;
  }
  response.writeHead(status, headers);
  response.flushHeaders();
  await pipeline(source, response).catch(() => undefined);
}

function isAsync(body: object | string): body is AsyncIterable<string> {
  return typeof body === 'object' && Symbol.asyncIterator in body;
}
