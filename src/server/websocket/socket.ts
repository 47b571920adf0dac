/** One client's WebSocket: sends as fast as the client reads, and closes one that stops reading. */
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import type { Limits } from '../../runtime/limits.ts';
import type { DrainListener } from '../fanout/frame-writer.ts';
import { cork } from './cork.ts';

/**
 * Closes a client that did not read. The code is in the private range, and one after which graphql-ws's client connects
 * again; its subscriptions then resume with `after`.
 */
export const slowConsumer = { code: 4440, reason: 'Slow consumer: resume with `after`' };

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

  /** `onSlow` is called when the client is closed because it does not read. */
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
    // ws itself would pile up pongs for a client that sends pings and never reads.
    socket.on('ping', (data) => {
      if (socket.bufferedAmount <= limits.socketBufferBytes) socket.pong(data);
    });
  }

  get protocol(): string {
    return this.#socket.protocol;
  }

  /**
   * Resolves when the connection has taken the message, so that the subscription is not read further before; on a closing
   * socket, when it is closed. While too much waits for a client, nothing is read from it.
   */
  send(message: string, isCorked = false): Promise<void> {
    if (this.#socket.readyState !== this.#socket.OPEN) return this.#closed();
    if (isCorked) this.#cork();
    this.#pending += 1;
    const sent = new Promise<void>((resolve) => this.#socket.send(message, () => resolve(this.#onWritten())));
    this.#watchStall();
    return sent;
  }

  /**
   * Writes finished frames, as a byte string, past ws. That is safe because ws writes each frame of its own in one piece.
   * Returns true when the connection took them at once; otherwise the listener is called when it has, and never on a
   * closing socket.
   */
  write(frames: string, listener: DrainListener, isCorked = false): boolean {
    if (this.#socket.readyState !== this.#socket.OPEN) return false;
    const onWritten = (error?: Error | null) => {
      this.#onWritten();
      if (!error) listener.drained();
    };
    if (isCorked) {
      this.#cork();
      this.#pending += 1;
      this.#connection.write(frames, 'latin1', onWritten);
      return false;
    }
    this.#connection.write(frames, 'latin1');
    if (this.#connection.writableLength === 0) return true;
    this.#pending += 1;
    // Called back when everything before it has been taken.
    this.#connection.write('', onWritten);
    this.#watchStall();
    return false;
  }

  /** A peer that does not finish the closing handshake is cut off after closeTimeoutMs, or `graceMs` if that is less. */
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

  /** Messages that arrive after the socket has begun to close are dropped. */
  onMessage(handle: (message: string) => void): void {
    this.#socket.on('message', (data: Buffer) => {
      if (this.#socket.readyState === this.#socket.OPEN) handle(data.toString('utf8'));
    });
  }

  #closed(): Promise<void> {
    if (this.#socket.readyState === this.#socket.CLOSED) return Promise.resolve();
    return new Promise((resolve) => this.#socket.once('close', () => resolve()));
  }

  /** Everything written in this tick leaves together. */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    cork(this.#connection, () => {
      this.#isCorked = false;
      this.#watchStall();
    });
  }

  /** Starts the stall timer, unless the connection took everything at once: a timer per message and client is costly. */
  #watchStall(): void {
    if (this.#isCorked || this.#connection.writableLength === 0) return;
    if (this.#socket.readyState === this.#socket.CLOSED) return;
    this.#stall ??= setTimeout(() => this.#closeSlow(), this.#limits.stallTimeoutMs);
    if (this.#socket.bufferedAmount > this.#limits.socketBufferBytes) this.#socket.pause();
  }

  #closeSlow(): void {
    this.#log.warn({ waitingBytes: this.#socket.bufferedAmount }, 'a client does not read: its socket is closed');
    this.#onSlow();
    this.close(slowConsumer.code, slowConsumer.reason);
  }

  #onWritten(): void {
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
