/** Sends what Yoga answers: a text at once, a stream as fast as the client reads. */
import type { ServerResponse } from 'node:http';
import type { OperationSession } from '../graphql/operation-context.ts';
import type { Header } from './headers.ts';

/** What ends a stream besides its own end and its client: the end of the session, and the closing of the server. */
export type StreamEnds = { closing: AbortSignal; session: OperationSession | undefined };

/**
 * The next chunk of a stream is read only when the client has taken the last, so nothing piles up here. A stream that ends
 * early, because the client leaves, its session is over or the server closes, ends without the `complete` of a whole
 * stream: the client knows that it has to come back. In each case the subscription behind the stream is released.
 */
export async function sendAnswer(answer: Response, response: ServerResponse, ends: StreamEnds): Promise<void> {
  // Yoga's Headers keep the case of the names.
  const headers = Object.fromEntries([...answer.headers].map(([name, value]) => [name.toLowerCase(), value]));
  const { body } = answer;
  if (response.destroyed) {
    await release(answer);
    return;
  }
  if (!isStream(answer)) {
    const text = await answer.text();
    response.writeHead(answer.status, {
      'cache-control': 'no-store',
      ...headers,
      'content-length': Buffer.byteLength(text),
    });
    response.end(text);
    return;
  }
  delete headers['content-encoding'];
  delete headers['connection'];
  // Keeps proxies from buffering the stream.
  response.writeHead(answer.status, { ...headers, 'x-accel-buffering': 'no' });
  if (body !== null) await sendStream(body, response, ends);
  response.end();
}

/** What Yoga would send as JSON. One list of headers is faster in Node than setting each. */
export function sendJson(text: string, response: ServerResponse, headers: readonly Header[]): void {
  const all = ['cache-control', 'no-store', 'content-type', 'application/json; charset=utf-8'];
  for (const [name, value] of headers) all.push(name, value);
  all.push('content-length', String(Buffer.byteLength(text)));
  response.writeHead(200, all);
  response.end(text);
}

async function sendStream(body: ReadableStream<Uint8Array>, response: ServerResponse, ends: StreamEnds): Promise<void> {
  let isLeft = ends.closing.aborted;
  const stop = onLeave(response, ends, () => {
    isLeft = true;
    void body.cancel().catch(() => undefined);
  });
  try {
    for await (const chunk of body) {
      if (isLeft) break;
      if (!response.write(chunk)) await drained(response);
    }
  } catch (error) {
    if (!isLeft) throw error;
  } finally {
    stop();
  }
}

/** Calls `leave` when the client leaves, its session is over or the server closes. Returns a function that stops waiting. */
export function onLeave(response: ServerResponse, { closing, session }: StreamEnds, leave: () => void): () => void {
  response.once('close', leave);
  closing.addEventListener('abort', leave);
  const cancelOnEnd = session?.onEnd(leave);
  return () => {
    response.off('close', leave);
    closing.removeEventListener('abort', leave);
    cancelOnEnd?.();
  };
}

/** Resolves when the client has taken everything, or has left. */
export function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.once('drain', done).once('close', done);
  });
}

/** Releases the stream of an answer that is not sent. Yoga starts a stream at its first read, and ends only what has started. */
async function release({ body }: Response): Promise<void> {
  const reader = body?.getReader();
  await reader?.read();
  await reader?.cancel();
}

const isStream = ({ headers }: Response) =>
  /^(text\/event-stream|multipart\/mixed)/.test(headers.get('content-type') ?? '');
