/** Sends what Yoga answers: a text at once, a stream as fast as the client reads and no faster. */
import type { ServerResponse } from 'node:http';
import type { Header } from './headers.ts';

/** Calls back once, when the session is over. Returns how to stop. */
export type WatchSession = (end: () => void) => () => void;

/**
 * A stream is asked for its next chunk only when the client has taken the last: what it follows keeps its own bounded
 * queue, and nothing piles up here. It ends early when the client leaves, its session is over or `closing` comes, without the `complete` that
 * a whole stream ends with, so that a client knows to come back. Either way the subscription behind it is let go.
 */
export async function sendAnswer(
  answer: Response,
  response: ServerResponse,
  closing: AbortSignal,
  watchSession?: WatchSession,
): Promise<void> {
  // Yoga's own Headers keep the case in which a name was given.
  const headers = Object.fromEntries([...answer.headers].map(([name, value]) => [name.toLowerCase(), value]));
  const { body } = answer;
  if (response.destroyed) {
    await letGo(answer);
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
  // Proxies hold answers back to fill their buffers, unless told.
  response.writeHead(answer.status, { ...headers, 'x-accel-buffering': 'no' });
  if (body !== null) await sendStream(body, response, closing, watchSession);
  response.end();
}

/** As Yoga answers a client that takes JSON. In one list, because Node takes its time over each header that is set by itself. */
export function sendJson(text: string, response: ServerResponse, headers: readonly Header[]): void {
  const all = ['cache-control', 'no-store', 'content-type', 'application/json; charset=utf-8'];
  for (const [name, value] of headers) all.push(name, value);
  all.push('content-length', String(Buffer.byteLength(text)));
  response.writeHead(200, all);
  response.end(text);
}

async function sendStream(
  body: ReadableStream<Uint8Array>,
  response: ServerResponse,
  closing: AbortSignal,
  watchSession: WatchSession | undefined,
): Promise<void> {
  let isLeft = closing.aborted;
  const stop = onLeave(response, closing, watchSession, () => {
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

/** Calls back when the client leaves, its session is over or `closing` comes. Returns how to stop waiting for that. */
export function onLeave(
  response: ServerResponse,
  closing: AbortSignal,
  watchSession: WatchSession | undefined,
  leave: () => void,
): () => void {
  response.once('close', leave);
  closing.addEventListener('abort', leave);
  const unwatch = watchSession?.(leave);
  return () => {
    response.off('close', leave);
    closing.removeEventListener('abort', leave);
    unwatch?.();
  };
}

/** Also when there is nobody left to drain it. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.once('drain', done).once('close', done);
  });
}

/** Of an answer that nobody is sent. Yoga begins a stream when it is first read, and can end only what it has begun. */
export async function letGo({ body }: Response): Promise<void> {
  const reader = body?.getReader();
  await reader?.read();
  await reader?.cancel();
}

export const isStream = ({ headers }: Response) =>
  /^(text\/event-stream|multipart\/mixed)/.test(headers.get('content-type') ?? '');
