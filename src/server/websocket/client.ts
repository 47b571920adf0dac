/** One client of the WebSocket protocol: its socket as graphql-ws sees it, and what the protocol keeps of it. */
import { CloseCode } from 'graphql-ws';
import type { Logger } from 'pino';
import type { DrainListener } from '../fanout/frame-writer.ts';
import type { Handshake } from '../graphql/operation-context.ts';
import { OperationIds, withClientId } from './operation-ids.ts';
import type { ClientSocket } from './socket.ts';

export class Client {
  readonly handshake: Handshake;
  readonly #ids = new OperationIds();
  readonly #socket: ClientSocket;
  readonly #log: Logger;
  #whenClosed: (() => void)[] | undefined;
  #isClosed = false;

  constructor(socket: ClientSocket, handshake: Handshake, log: Logger) {
    this.#socket = socket;
    this.handshake = handshake;
    this.#log = log;
  }

  get protocol(): string {
    return this.#socket.protocol;
  }

  /** With several operations running, messages of one tick are sent together. */
  send(message: string): Promise<void> {
    return this.#socket.send(withClientId(message), this.#ids.count > 1);
  }

  /** Writes whole frames: see ClientSocket. */
  write(frames: string, listener: DrainListener): boolean {
    return this.#socket.write(frames, listener, this.#ids.count > 1);
  }

  close(code: number = CloseCode.InternalServerError, reason = '', graceMs?: number): void {
    this.#socket.close(code, withClientId(reason), graceMs);
  }

  ping(): void {
    this.#socket.ping();
  }

  onMessage(handle: (message: string) => Promise<void>): void {
    this.#socket.onMessage((message) => {
      handle(this.#ids.toUnique(message)).catch((error: Error) => this.#fail(error));
    });
  }

  /** The operation with that unique id has ended. */
  release(uniqueId: string): void {
    this.#ids.release(uniqueId);
  }

  /** Calls back when the socket has closed, or at once if it already has. */
  onClosed(then: () => void): void {
    if (this.#isClosed) then();
    else (this.#whenClosed ??= []).push(then);
  }

  /** Its socket has closed. */
  closed(): void {
    this.#isClosed = true;
    for (const then of this.#whenClosed?.splice(0) ?? []) then();
  }

  /** graphql-ws throws for a message of a kind that only servers send, and passes on what connection_init throws. */
  #fail(error: Error): void {
    if (error.message.startsWith('Unexpected message of type')) {
      this.close(CloseCode.BadRequest, 'Invalid message received');
      return;
    }
    this.#log.error({ err: error }, 'unexpected error of a socket');
    this.close(CloseCode.InternalServerError, 'Internal server error');
  }
}
