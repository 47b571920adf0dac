/** The one port: GraphQL over HTTP, server-sent events and WebSocket, GraphiQL, files, health. */
import { once, setMaxListeners } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { GraphQLSchema } from 'graphql';
import type { Logger } from 'pino';
import type { ContextOf } from './server/caller.ts';
import { closeHttpServer, createHttpServer } from './server/connections.ts';
import type { ServeFile } from './server/files.ts';
import { GraphiQL } from './server/graphiql.ts';
import { GraphQLOverHttp } from './server/graphql-over-http.ts';
import type { Health } from './server/health.ts';
import { defaultLimits, type Limits } from './server/limits.ts';
import { maskErrorsInto } from './server/mask.ts';
import { openUploadsFolder } from './server/multipart.ts';
import { isLoopback, isOwnHost } from './server/origin.ts';
import { createProtocol } from './server/protocol.ts';
import { RequestLog } from './server/request-log.ts';
import { Routes } from './server/routes.ts';
import { Sockets } from './server/sockets.ts';
import type { ReceiveWebhook } from './server/webhooks.ts';
import { createYogaServer } from './server/yoga.ts';

export type ServerOptions = {
  schema: GraphQLSchema;
  context: ContextOf;
  host: string;
  /** 0 takes any free one. */
  port: number;
  /** Where clients reach the server when that is not `host` and `port`: its name is then one of ours. */
  publicUrl?: URL;
  log: Logger;
  health: () => Promise<Health>;
  /** For files that are being received; of this server alone, emptied when it starts. */
  uploadsFolder: string;
  /** Whether no other process uses that folder. Default: true. */
  isAlone?: boolean;
  /** Answers /files/*. */
  serveFile?: ServeFile;
  /** Answers /webhooks/*. */
  receiveWebhook?: ReceiveWebhook;
  limits?: Partial<Limits>;
};

export type Server = {
  listen(): Promise<{ url: string }>;
  /** As in `http://127.0.0.1:4000`. Only after `listen`. */
  url(): string;
  /**
   * Takes no more, tells subscribers to reconnect, lets requests finish for `graceMs` and cuts the rest. Running it
   * again waits for the first.
   */
  close(graceMs: number): Promise<void>;
};

export function createServer(options: ServerOptions): Server {
  const { log, host, context, health, serveFile, receiveWebhook, uploadsFolder } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const stop = new AbortController();
  const closing = stop.signal;
  // One listener for each stream: as many as there are, and no leak.
  setMaxListeners(0, closing);
  const maskError = maskErrorsInto(log);
  const requestLog = new RequestLog(log);
  const yoga = createYogaServer({ schema: options.schema, limits, maskError, requestLog });
  const graphql = new GraphQLOverHttp({ yoga, context, limits, uploadsFolder, closing });
  const protocol = createProtocol({ yoga, context, limits, maskError, requestLog });
  const ownNames = [host, ...(options.publicUrl ? [options.publicUrl.hostname] : [])];
  const graphiql = new GraphiQL(() => options.publicUrl?.origin ?? url());
  const routes = new Routes({
    graphql,
    graphiql,
    health,
    serveFile,
    receiveWebhook,
    limits,
    isOwnHost: (name) => !isLoopback(host) || isOwnHost(name, ownNames),
    closing,
    log,
    requestLog,
  });
  const sockets = new Sockets({ protocol, limits, log, assertAllowed: (request) => routes.assertOwnSite(request) });
  const http = createHttpServer(limits, closing, (request, response) => void routes.serve(request, response));
  http.on('upgrade', (request: IncomingMessage, connection: Duplex, head: Buffer) => {
    sockets.accept(request, connection, head);
  });

  function url(): string {
    const { address, port, family } = http.address() as AddressInfo;
    if (address === '0.0.0.0' || address === '::') return `http://localhost:${port}`;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  }

  async function close(graceMs: number): Promise<void> {
    stop.abort();
    sockets.close(graceMs);
    await closeHttpServer(http, graceMs);
  }

  let closed: Promise<void> | undefined;
  return {
    async listen() {
      await openUploadsFolder(uploadsFolder, options.isAlone ?? true);
      http.listen(options.port, host);
      // Rejects with the error instead when the port is taken.
      await once(http, 'listening');
      return { url: url() };
    },
    url,
    close: (graceMs) => (closed ??= close(graceMs)),
  };
}
