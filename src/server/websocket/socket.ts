/** One client's WebSocket: sends as fast as the client reads, and gives up on one that does not. */
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import type { Limits } from '../limits/limits.ts';
import { cork } from './cork.ts';

/**
 * The client did not take what was sent to it. Of the private range, not used by graphql-transport-ws, and to
 * graphql-ws's client one after which to connect again: then resume each subscription with `after`.
 */
export const slowConsumer = { code: 4440, reason: 'Slow consumer: resume with `after`' };

/** Waits for what it sent to be taken by the connection. */
export type Taker = { taken(): void };

export class ClientSocket {
  readonly #socket: WebSocket;
  readonly #connection: Duplex;
  readonly #limits: Limits;
  readonly #log: Logger;
  readonly #onSlow: () => void;
  #pending = 0;
  #stall: NodeJS.Timeout | undefined;
  #isAlive = true;
  #isCorked = false;

  /** `connection` is what the socket lives on; `onSlow` is called when the client is given up. */
  constructor(socket: WebSocket, connection: Duplex, limits: Limits, log: Logger, onSlow: () => void) {
    this.#socket = socket;
    this.#connection = connection;
    this.#limits = limits;
    this.#log = log;
    this.#onSlow = onSlow;
    socket.once('close', () => clearTimeout(this.#stall));
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
  send(message: string, isCorked = false): Promise<void> {
    if (this.#socket.readyState !== this.#socket.OPEN) return this.#closed();
    if (isCorked) this.#cork();
    this.#pending += 1;
    const sent = new Promise<void>((resolve) => this.#socket.send(message, () => resolve(this.#taken())));
    this.#watch();
    return sent;
  }

  /**
   * As `send`, for frames that are made already, a character for each byte: ws is not asked, which writes each of its own at
   * once, so that none comes to stand within another. True when the connection took them at once, as it mostly does; else
   * the taker is told when it has, and never on a socket that closes.
   */
  write(frames: string, taker: Taker, isCorked = false): boolean {
    if (this.#socket.readyState !== this.#socket.OPEN) return false;
    const taken = (error?: Error | null) => {
      this.#taken();
      if (!error) taker.taken();
    };
    if (isCorked) {
      this.#cork();
      this.#pending += 1;
      this.#connection.write(frames, 'latin1', taken);
      return false;
    }
    this.#connection.write(frames, 'latin1');
    if (this.#connection.writableLength === 0) return true;
    this.#pending += 1;
    // Comes to its turn when what is before it has been taken.
    this.#connection.write('', taken);
    this.#watch();
    return false;
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
  onMessage(take: (message: string) => void): void {
    this.#socket.on('message', (data: Buffer) => {
      if (this.#socket.readyState === this.#socket.OPEN) take(data.toString('utf8'));
    });
  }

  #closed(): Promise<void> {
    if (this.#socket.readyState === this.#socket.CLOSED) return Promise.resolve();
    return new Promise((resolve) => this.#socket.once('close', () => resolve()));
  }

  /** What is written from now on leaves with all else of this tick. */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    cork(this.#connection, () => {
      this.#isCorked = false;
      this.#watch();
    });
  }

  /** What the connection took at once needs no watching, and a timer for each message of each client is much. */
  #watch(): void {
    if (this.#isCorked || this.#connection.writableLength === 0) return;
    if (this.#socket.readyState === this.#socket.CLOSED) return;
    this.#stall ??= setTimeout(() => this.#giveUp(), this.#limits.stallTimeoutMs);
    if (this.#socket.bufferedAmount > this.#limits.socketBufferBytes) this.#socket.pause();
  }

  #giveUp(): void {
    this.#log.warn({ waitingBytes: this.#socket.bufferedAmount }, 'a client does not read: its socket is closed');
    this.#onSlow();
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
