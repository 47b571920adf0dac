/** WebSockets at /graphql: accepts them, keeps them alive, and asks them to reconnect when the server closes. */
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { GRAPHQL_TRANSPORT_WS_PROTOCOL, type Server as Protocol } from 'graphql-ws';
import type { Logger } from 'pino';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Limits } from '../../runtime/limits.ts';
import type { Handshake } from '../graphql/operation-context.ts';
import { HttpError } from '../http/http-error.ts';
import type { ServerMetrics } from '../http/metrics-hooks.ts';
import { graphqlPath } from '../http/yoga.ts';
import { Client } from './client.ts';
import { ClientSocket } from './socket.ts';

const goingAway = { code: 1001, reason: 'Going away: reconnect' };

export class Sockets {
  readonly #protocol: Protocol<Client>;
  readonly #limits: Limits;
  readonly #log: Logger;
  readonly #assertAllowed: (request: IncomingMessage) => Promise<void>;
  readonly #clients = new Set<Client>();
  readonly #pinging: NodeJS.Timeout;
  readonly #server: WebSocketServer;
  readonly #metrics: ServerMetrics;

  constructor(options: {
    protocol: Protocol<Client>;
    limits: Limits;
    log: Logger;
    /** Throws HttpError for a request that is refused. */
    assertAllowed: (request: IncomingMessage) => Promise<void>;
    metrics: ServerMetrics;
  }) {
    this.#metrics = options.metrics;
    this.#assertAllowed = options.assertAllowed;
    this.#protocol = options.protocol;
    this.#limits = options.limits;
    this.#log = options.log;
    const serving = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      autoPong: false,
      maxPayload: options.limits.requestBytes,
      // Missing in the types of ws.
      closeTimeout: options.limits.closeTimeoutMs,
      // An unknown protocol is agreed to, so that its client sees the close code 4406.
      handleProtocols: (offered: Set<string>) =>
        offered.has(GRAPHQL_TRANSPORT_WS_PROTOCOL) ? GRAPHQL_TRANSPORT_WS_PROTOCOL : ([...offered][0] ?? false),
    };
    this.#server = new WebSocketServer(serving);
    this.#pinging = setInterval(() => {
      for (const client of this.#clients) client.ping();
    }, options.limits.pingIntervalMs).unref();
  }

  async accept(request: IncomingMessage, connection: Duplex, head: Buffer): Promise<void> {
    // ws adds its own listener only later, and an error without a listener ends the process.
    connection.on('error', (error) => this.#log.debug({ err: error }, 'connection error'));
    try {
      if (request.url?.split('?')[0] !== graphqlPath) throw new HttpError(404, 'NOT_FOUND', 'Not Found');
      await this.#assertAllowed(request);
      if (connection.destroyed) return;
    } catch (error) {
      const status = error instanceof HttpError ? error.status : 500;
      if (!(error instanceof HttpError)) this.#log.error({ err: error }, 'unexpected error');
      const headers = error instanceof HttpError ? Object.entries(error.headers) : [];
      const lines = [['connection', 'close'], ['content-length', '0'], ...headers].map(
        (header) => `${header.join(': ')}\r\n`,
      );
      connection.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n`);
      return;
    }
    const handshake = { headers: request.headers, remoteAddress: request.socket.remoteAddress };
    this.#server.handleUpgrade(request, connection, head, (socket) => this.#open(socket, connection, handshake));
  }

  /** How many WebSockets are open. */
  get size(): number {
    return this.#clients.size;
  }

  /** Asks every client to close. One that does not is cut off after closeTimeoutMs, or `graceMs` if that is less. */
  close(graceMs: number): void {
    clearInterval(this.#pinging);
    for (const client of this.#clients) client.close(goingAway.code, goingAway.reason, graceMs);
  }

  #open(socket: WebSocket, connection: Duplex, handshake: Handshake): void {
    const onSlow = () => this.#metrics.onRefused('slow_consumer');
    const client = new Client(
      new ClientSocket(socket, connection, this.#limits, this.#log, onSlow),
      handshake,
      this.#log,
    );
    this.#clients.add(client);
    const closed = this.#protocol.opened(client, client);
    // A message over the limit, which ws answers with 1009, or bytes that are no frame.
    socket.on('error', (error: Error & { code?: string }) => {
      if (error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') this.#metrics.onRefused('request_bytes');
      this.#log.debug({ err: error }, 'socket error');
    });
    socket.once('close', (code, reason) => {
      this.#clients.delete(client);
      client.closed();
      closed(code, reason.toString()).catch((error: unknown) => {
        this.#log.error({ err: error }, 'a subscription could not be released');
      });
    });
  }
}
