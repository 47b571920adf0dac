/**
 * A subscription over server-sent events whose answers come from a broadcast: the events that Yoga would write, past
 * its Response and its streams, each of which costs as much as the event.
 */
import type { ServerResponse } from 'node:http';
import { onLeave, type WatchSession } from '../http/send-answer.ts';
import { bytesOf } from '../websocket/frame.ts';

/** As Yoga does: what lies between keeps a connection that says something. */
const pingMs = 12_000;
const comment = ':\n\n';
const next = (answer: string) => `event: next\ndata: ${answer}\n\n`;

export class EventStream {
  readonly #response: ServerResponse;
  #ping: NodeJS.Timeout | undefined;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  /** See FrameWriter in broadcast/listener.ts. */
  send(answers: readonly string[], taker: { taken(): void }): boolean {
    this.#open();
    if (this.#response.write(answers.map(next).join(''), 'latin1')) return true;
    this.#response.once('drain', () => taker.taken());
    return false;
  }

  /**
   * Ends when the listener does, the client leaves, its session is over or `closing` comes: only the first with the
   * `complete` by which a client knows that it has all. `errorOf` is what the client is told of an error, as JSON.
   */
  async carry(
    listener: AsyncIterable<never>,
    errorOf: (error: unknown) => string,
    { closing, watch }: { closing: AbortSignal; watch: WatchSession | undefined },
  ): Promise<void> {
    const end = listener[Symbol.asyncIterator]();
    let isLeft = closing.aborted || this.#response.destroyed;
    const stop = onLeave(this.#response, closing, watch, () => {
      isLeft = true;
      void end.return?.();
    });
    try {
      this.#open();
      if (isLeft) await end.return?.();
      else await end.next();
    } catch (error) {
      if (!isLeft) this.#response.write(next(bytesOf(errorOf(error))), 'latin1');
    } finally {
      stop();
      clearInterval(this.#ping);
    }
    if (!isLeft) this.#response.write('event: complete\ndata:\n\n');
    this.#response.end();
  }

  #open(): void {
    if (this.#response.headersSent) return;
    this.#response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache',
      // Proxies hold answers back to fill their buffers, unless told.
      'x-accel-buffering': 'no',
    });
    this.#response.write(comment);
    this.#ping = setInterval(() => {
      if (!this.#response.writableNeedDrain) this.#response.write(comment);
    }, pingMs).unref();
  }
}
