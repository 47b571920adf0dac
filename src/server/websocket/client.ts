/** One client of the protocol: its socket as graphql-ws sees it, and what the protocol knows of it besides its messages. */
import { CloseCode } from 'graphql-ws';
import type { Logger } from 'pino';
import type { SocketCaller } from '../http/caller.ts';
import { OperationIds, withClientId } from './operation-ids.ts';
import type { ClientSocket, Taker } from './socket.ts';

export class Client {
  readonly from: SocketCaller;
  readonly #ids = new OperationIds();
  readonly #socket: ClientSocket;
  readonly #log: Logger;
  #whenClosed: (() => void)[] | undefined;
  #isClosed = false;

  constructor(socket: ClientSocket, from: SocketCaller, log: Logger) {
    this.#socket = socket;
    this.from = from;
    this.#log = log;
  }

  get protocol(): string {
    return this.#socket.protocol;
  }

  /** Messages of one tick leave together when there are several operations that they may be of. */
  send(message: string): Promise<void> {
    return this.#socket.send(withClientId(message), this.#ids.count > 1);
  }

  /** Sends whole frames: see ClientSocket. */
  write(frames: string, taker: Taker): boolean {
    return this.#socket.write(frames, taker, this.#ids.count > 1);
  }

  close(code: number = CloseCode.InternalServerError, reason = '', graceMs?: number): void {
    this.#socket.close(code, withClientId(reason), graceMs);
  }

  ping(): void {
    this.#socket.ping();
  }

  onMessage(take: (message: string) => Promise<void>): void {
    this.#socket.onMessage((message) => {
      take(this.#ids.enter(message)).catch((error: Error) => this.#failed(error));
    });
  }

  /** The operation of that inner id is over. */
  release(id: string): void {
    this.#ids.release(id);
  }

  /** Calls back when the socket has closed; at once when it has already. */
  onClosed(then: () => void): void {
    if (this.#isClosed) then();
    else (this.#whenClosed ??= []).push(then);
  }

  /** Its socket has closed. */
  closed(): void {
    this.#isClosed = true;
    for (const then of this.#whenClosed?.splice(0) ?? []) then();
  }

  /** graphql-ws throws at a message of the server's own kinds, and whatever a context throws at connection_init. */
  #failed(error: Error): void {
    if (error.message.startsWith('Unexpected message of type')) {
      this.close(CloseCode.BadRequest, 'Invalid message received');
      return;
    }
    this.#log.error({ err: error }, 'unforeseen error of a socket');
    this.close(CloseCode.InternalServerError, 'Internal server error');
  }
}
