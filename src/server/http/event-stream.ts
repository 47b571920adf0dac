/**
 * A subscription over server-sent events, with the events that Yoga would send but without its Response and streams, which
 * cost as much per event as the event itself.
 */
import type { ServerResponse } from 'node:http';
import type { ExecutionResult } from 'graphql';
import { type DrainListener, type FrameWriter, type Payload, toByteString } from '../fanout/frame-writer.ts';
import { formatError, formatResult, type MaskError } from '../graphql/mask.ts';
import { drained, onLeave, type StreamEnds } from './send-answer.ts';

/** As Yoga does: proxies cut connections that are silent. */
const pingMs = 12_000;
const comment = ':\n\n';
const next = (payload: Payload) => `event: next\ndata: ${payload}\n\n`;

export class EventStream implements FrameWriter {
  readonly #response: ServerResponse;
  #ping: NodeJS.Timeout | undefined;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  write(payloads: readonly Payload[], listener: DrainListener): boolean {
    this.#open();
    if (this.#response.write(payloads.map(next).join(''), 'latin1')) return true;
    this.#response.once('drain', () => listener.drained());
    return false;
  }

  /**
   * Sends each result as fast as the client reads. Ends with `complete`, by which a client knows that it has everything,
   * only when the results end; when the client leaves, its session is over or the server closes, it ends without.
   */
  async send(
    results: AsyncIterableIterator<ExecutionResult>,
    { ends, maskError }: { ends: StreamEnds; maskError: MaskError },
  ): Promise<void> {
    let isLeft = ends.closing.aborted || this.#response.destroyed;
    const stop = onLeave(this.#response, ends, () => {
      isLeft = true;
      void results.return?.();
    });
    try {
      this.#open();
      if (isLeft) await results.return?.();
      else await this.#sendEach(results);
    } catch (error) {
      const payload = JSON.stringify({ errors: [formatError(maskError(error))] });
      if (!isLeft) this.#response.write(next(toByteString(payload)), 'latin1');
    } finally {
      stop();
      clearInterval(this.#ping);
    }
    if (!isLeft) this.#response.write('event: complete\ndata:\n\n');
    this.#response.end();
  }

  async #sendEach(results: AsyncIterableIterator<ExecutionResult>): Promise<void> {
    for await (const result of results) {
      const payload = toByteString(JSON.stringify(formatResult(result)));
      if (this.#response.destroyed) return;
      if (!this.#response.write(next(payload), 'latin1')) await drained(this.#response);
    }
  }

  #open(): void {
    if (this.#response.headersSent) return;
    this.#response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache',
      // Keeps proxies from buffering the stream.
      'x-accel-buffering': 'no',
    });
    this.#response.write(comment);
    this.#ping = setInterval(() => {
      if (!this.#response.writableNeedDrain) this.#response.write(comment);
    }, pingMs).unref();
  }
}
