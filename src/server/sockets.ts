/** WebSockets at /graphql: accepting them, keeping them alive, telling them to reconnect when the server goes. */
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { CloseCode, GRAPHQL_TRANSPORT_WS_PROTOCOL, type Server as Protocol } from 'graphql-ws';
import type { Logger } from 'pino';
import { type WebSocket, WebSocketServer } from 'ws';
import { HttpError } from './http-error.ts';
import type { Limits } from './limits.ts';
import { OperationIds, withClientId } from './operation-ids.ts';
import type { SocketExtra } from './protocol.ts';
import { ClientSocket } from './socket.ts';
import { graphqlPath } from './yoga.ts';

const goingAway = { code: 1001, reason: 'Going away: reconnect' };

export class Sockets {
  readonly #protocol: Protocol<SocketExtra>;
  readonly #limits: Limits;
  readonly #log: Logger;
  readonly #assertAllowed: (request: IncomingMessage) => void;
  readonly #clients = new Set<ClientSocket>();
  readonly #pinging: NodeJS.Timeout;
  readonly #server: WebSocketServer;

  constructor(options: {
    protocol: Protocol<SocketExtra>;
    limits: Limits;
    log: Logger;
    /** Throws HttpError for a request that is not to have a socket. */
    assertAllowed: (request: IncomingMessage) => void;
  }) {
    this.#assertAllowed = options.assertAllowed;
    this.#protocol = options.protocol;
    this.#limits = options.limits;
    this.#log = options.log;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      autoPong: false,
      maxPayload: options.limits.requestBytes,
      // One that we do not speak is agreed to all the same, so that its client gets to see the close code 4406.
      handleProtocols: (offered) =>
        offered.has(GRAPHQL_TRANSPORT_WS_PROTOCOL) ? GRAPHQL_TRANSPORT_WS_PROTOCOL : ([...offered][0] ?? false),
    });
    this.#pinging = setInterval(() => {
      for (const client of this.#clients) client.ping();
    }, options.limits.pingIntervalMs).unref();
  }

  accept(request: IncomingMessage, connection: Duplex, head: Buffer): void {
    // ws adds its own listener only later, and an error without one ends the process.
    connection.on('error', (error) => this.#log.debug({ err: error }, 'connection error'));
    try {
      if (request.url?.split('?')[0] !== graphqlPath) throw new HttpError(404, 'NOT_FOUND', 'Not Found');
      this.#assertAllowed(request);
    } catch (error) {
      const status = error instanceof HttpError ? error.status : 500;
      connection.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    this.#server.handleUpgrade(request, connection, head, (socket) => this.#open(socket, request));
  }

  /** Tells every client; one that does not close is cut off after closeTimeoutMs, and no later than `graceMs`. */
  close(graceMs: number): void {
    clearInterval(this.#pinging);
    for (const client of this.#clients) client.close(goingAway.code, goingAway.reason, graceMs);
  }

  #open(socket: WebSocket, request: IncomingMessage): void {
    const client = new ClientSocket(socket, this.#limits, this.#log);
    const ids = new OperationIds();
    const close = (code: number, reason: string) => client.close(code, withClientId(reason));
    this.#clients.add(client);
    const closed = this.#protocol.opened(
      {
        protocol: client.protocol,
        send: (message) => client.send(withClientId(message)),
        close: (code = CloseCode.InternalServerError, reason = '') => close(code, reason),
        onMessage: (take) =>
          client.onMessage(
            (message) => take(ids.enter(message)),
            (error) => this.#failed(error, close),
          ),
      },
      { request, ids, close },
    );
    // Such as a frame over the limit, which ws answers with 1009, or bytes that are no frame.
    socket.on('error', (error) => this.#log.debug({ err: error }, 'socket error'));
    socket.once('close', (code, reason) => {
      this.#clients.delete(client);
      closed(code, reason.toString()).catch((error: unknown) => {
        this.#log.error({ err: error }, 'a subscription could not be let go');
      });
    });
  }

  /** graphql-ws throws at a message of the server's own kinds, and whatever a context throws at connection_init. */
  #failed(error: Error, close: SocketExtra['close']): void {
    if (error.message.startsWith('Unexpected message of type')) {
      close(CloseCode.BadRequest, 'Invalid message received');
      return;
    }
    this.#log.error({ err: error }, 'unforeseen error of a socket');
    close(CloseCode.InternalServerError, 'Internal server error');
  }
}
