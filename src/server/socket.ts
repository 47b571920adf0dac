/** One client's WebSocket: sends as fast as the client reads, and gives up on one that does not. */
import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import type { Limits } from './limits.ts';

/**
 * The client did not take what was sent to it. Of the private range, not used by graphql-transport-ws, and to
 * graphql-ws's client one after which to connect again: then resume each subscription with `after`.
 */
export const slowConsumer = { code: 4440, reason: 'Slow consumer: resume with `after`' };

export class ClientSocket {
  readonly #socket: WebSocket;
  readonly #limits: Limits;
  readonly #log: Logger;
  readonly #closed: Promise<void>;
  #pending = 0;
  #stall: NodeJS.Timeout | undefined;
  #isAlive = true;

  constructor(socket: WebSocket, limits: Limits, log: Logger) {
    this.#socket = socket;
    this.#limits = limits;
    this.#log = log;
    this.#closed = new Promise((resolve) => {
      socket.once('close', () => {
        clearTimeout(this.#stall);
        resolve();
      });
    });
    socket.on('pong', () => {
      this.#isAlive = true;
    });
    // Pings are answered here and not by ws, which would pile up pongs for a client that sends and never reads.
    socket.on('ping', (data) => {
      if (socket.bufferedAmount <= limits.socketBufferBytes) socket.pong(data);
    });
  }

  get protocol(): string {
    return this.#socket.protocol;
  }

  /**
   * Resolves when the connection has taken the message, so that nothing further is asked of the subscription before;
   * on a socket that closes, when it is closed. A client with too much waiting is not read from until it has read.
   */
  send(message: string): Promise<void> {
    if (this.#socket.readyState !== this.#socket.OPEN) return this.#closed;
    this.#pending += 1;
    this.#stall ??= setTimeout(() => this.#giveUp(), this.#limits.stallTimeoutMs);
    const sent = new Promise<void>((resolve) => this.#socket.send(message, () => resolve(this.#taken())));
    if (this.#socket.bufferedAmount > this.#limits.socketBufferBytes) this.#socket.pause();
    return sent;
  }

  /** Once. A peer that does not finish the closing handshake is cut off after closeTimeoutMs, or `graceMs` if less. */
  close(code: number, reason: string, graceMs = Number.POSITIVE_INFINITY): void {
    if (this.#socket.readyState === this.#socket.CLOSED) return;
    const cut = setTimeout(() => this.#socket.terminate(), Math.min(this.#limits.closeTimeoutMs, graceMs));
    if (this.#socket.readyState === this.#socket.OPEN) {
      this.#socket.resume();
      this.#socket.close(code, reason);
    }
    this.#socket.once('close', () => clearTimeout(cut));
  }

  /** Every pingIntervalMs. */
  ping(): void {
    if (!this.#isAlive) {
      this.#socket.terminate();
      return;
    }
    this.#isAlive = false;
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }

  /** Until the socket begins to close: what a client has sent ahead by then is nobody's any more. */
  onMessage(take: (message: string) => Promise<void>, failed: (error: Error) => void): void {
    this.#socket.on('message', (data: Buffer) => {
      if (this.#socket.readyState === this.#socket.OPEN) take(data.toString('utf8')).catch(failed);
    });
  }

  #giveUp(): void {
    this.#log.warn({ waitingBytes: this.#socket.bufferedAmount }, 'a client does not read: its socket is closed');
    this.close(slowConsumer.code, slowConsumer.reason);
  }

  #taken(): void {
    this.#pending -= 1;
    if (this.#socket.bufferedAmount <= this.#limits.socketBufferBytes) this.#socket.resume();
    if (this.#pending > 0) {
      this.#stall?.refresh();
      return;
    }
    clearTimeout(this.#stall);
    this.#stall = undefined;
  }
}
