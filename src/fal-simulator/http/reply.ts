/** The reply to a call as a value. Routes make it, faults change it, server.ts sends it. */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export type Reply = {
  /** 0 resets the connection (RST) before the first byte of a reply. */
  status: number;
  headers?: Record<string, string | number>;
  /** An object is sent as JSON; a string must be JSON already. */
  body?: object | string | Buffer | Readable | AsyncIterable<string | Buffer>;
  /** Resets the connection after the last byte of the body, which must be a stream. */
  reset?: true;
};

const resetPauseMs = 20;

/** Sends the complete reply, or stops when the caller disconnects. Never rejects. */
export async function send(reply: Reply, response: ServerResponse, withBody: boolean): Promise<void> {
  const { status, body, reset = false } = reply;
  if (status === 0) {
    response.socket?.resetAndDestroy();
    return;
  }
  if (isStream(body) && withBody) {
    response.writeHead(status, reply.headers);
    response.flushHeaders();
    await pipeline(body, response, { end: !reset }).catch(() => undefined);
    // libuv reports a reset that arrives together with the last bytes as a normal end.
    if (reset) await sleep(resetPauseMs).then(() => response.socket?.resetAndDestroy());
    return;
  }
  discard(reply);
  const whole = isStream(body) ? undefined : bytesOf(body);
  response.writeHead(status, { ...(whole && { 'content-length': whole.length }), ...headersOf(reply) });
  response.end(withBody ? whole : undefined);
}

/** Reads the complete body. */
export async function readWhole(reply: Reply): Promise<{ headers: Record<string, string | number>; bytes: Buffer }> {
  const { body } = reply;
  const bytes = isStream(body) ? await buffer(body) : bytesOf(body);
  return { headers: headersOf(reply), bytes };
}

/** The request id in its headers. */
export function requestIdOf({ headers }: Reply): string | undefined {
  const id = headers?.['x-fal-request-id'];
  return id === undefined ? undefined : String(id);
}

/** Closes the stream of a reply that will not be sent. */
export function discard({ body }: Reply): void {
  if (body instanceof Readable) body.destroy();
}

export function isStream(body: Reply['body']): body is Readable | AsyncIterable<string | Buffer> {
  return typeof body === 'object' && Symbol.asyncIterator in body;
}

function headersOf({ body, headers }: Reply): Record<string, string | number> {
  const isJson = body !== undefined && !(body instanceof Buffer) && !isStream(body);
  return { ...(isJson && { 'content-type': 'application/json' }), ...headers };
}

function bytesOf(body: object | string | undefined): Buffer {
  if (body instanceof Buffer) return body;
  return Buffer.from(typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body));
}
