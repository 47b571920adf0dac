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
  /** An object is sent as JSON; so is a string, which holds JSON already. */
  body?: object | string | Buffer | Readable | AsyncIterable<string>;
};

/** Sends it whole, or stops when the caller leaves. Never rejects. */
export async function send(reply: Reply, response: ServerResponse, withBody: boolean): Promise<void> {
  const { status, headers = {}, body } = reply;
  const source = body instanceof Readable ? body : isAsync(body) ? Readable.from(body) : undefined;
  if (source !== undefined && withBody) {
    response.writeHead(status, headers);
    response.flushHeaders();
    await pipeline(source, response).catch(() => undefined);
    return;
  }
  source?.destroy();
  const json = body instanceof Buffer || body === undefined ? {} : { 'content-type': 'application/json' };
  const bytes = source === undefined ? bytesOf(body) : undefined;
  response.writeHead(status, { ...json, ...(bytes && { 'content-length': bytes.length }), ...headers });
  response.end(withBody ? bytes : undefined);
}

function bytesOf(body: object | string | undefined): Buffer {
  if (body instanceof Buffer) return body;
  return Buffer.from(typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body));
}

function isAsync(body: object | string | undefined): body is AsyncIterable<string> {
  return typeof body === 'object' && Symbol.asyncIterator in body;
}
