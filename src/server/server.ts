/** The one port: GraphQL over HTTP, server-sent events and WebSocket, GraphiQL, files, health. */
import { once, setMaxListeners } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import type { GraphQLSchema } from 'graphql';
import type { Logger } from 'pino';
import { isLoopbackHost } from '../runtime/loopback.ts';
import { SharedSubscriptions } from './fanout/shared-subscriptions.ts';
import { Queries } from './graphql/execution/queries.ts';
import { GraphiQL } from './graphql/graphiql.ts';
import { GraphQLOverHttp } from './graphql/graphql-over-http.ts';
import { maskErrorsInto } from './graphql/mask.ts';
import { PlainOperations } from './graphql/plain.ts';
import { SharedStreams } from './graphql/shared-stream.ts';
import { createYogaServer, openDocuments } from './graphql/yoga.ts';
import type { ContextOf } from './http/caller.ts';
import { closeHttpServer, createHttpServer } from './http/connections.ts';
import { Cors } from './http/cors.ts';
import type { ServeFile } from './http/files.ts';
import { securityHeaders } from './http/headers.ts';
import type { Checks } from './http/health.ts';
import type { Exposed } from './http/metrics.ts';
import { type ServerSeen, unseen } from './http/metrics-hooks.ts';
import { isOwnHost } from './http/origin.ts';
import { RequestLog } from './http/request-log.ts';
import type { ReceiveWebhook } from './http/webhooks.ts';
import { Allowances, addressOf } from './limits/allowances.ts';
import { defaultLimits, type Limits } from './limits/limits.ts';
import { inMemory, type RateStore } from './limits/rate-store.ts';
import { Router } from './router.ts';
import { openUploadsFolder } from './upload/multipart.ts';
import { createProtocol } from './websocket/protocol.ts';
import { Sockets } from './websocket/sockets.ts';

export type ServerOptions = {
  schema: GraphQLSchema;
  context: ContextOf;
  host: string;
  /** 0 takes any free one. */
  port: number;
  /** Where clients reach the server when that is not `host` and `port`: its name is then one of ours. */
  publicUrl?: URL;
  log: Logger;
  /** What it cannot work without. */
  health: Checks;
  /** Answers /metrics. Default: nobody. */
  metrics?: Exposed | undefined;
  /** Hears of its requests. */
  seen?: ServerSeen;
  /** For files that are being received; of this server alone, emptied when it starts. */
  uploadsFolder: string;
  /** Whether no other process uses that folder. Default: true. */
  isAlone?: boolean;
  /** Answers /files/*. */
  serveFile?: ServeFile;
  /** Answers /webhooks/*. */
  receiveWebhook?: ReceiveWebhook;
  limits?: Partial<Limits>;
  /** Where the minutes of the limits are counted. Default: in this process. */
  rateStore?: RateStore;
  /** How many proxies stand before this server, so that an address can be told; undefined counts no addresses. */
  trustedProxies?: number;
  /** Other sites whose pages may use this server, as in `https://app.example.com`. Default: none. */
  corsOrigins?: readonly string[];
  /** Whether it serves more than /health and /ready. Default: true. */
  hasApi?: boolean;
  /** Default: true. */
  hasGraphiQL?: boolean;
  /** Whether callers need a key. Default: false. */
  asksWho?: boolean;
  /** Whether everybody may ask what the schema holds; else only a session that may. Default: true. */
  hasIntrospection?: boolean;
};

export type Server = {
  listen(): Promise<{ url: string }>;
  /** As in `http://127.0.0.1:4000`. Only after `listen`. */
  url(): string;
  /** How many clients hold it open now. */
  open(): { sockets: number; streams: number; listeners: number };
  /** From then on /ready says 503, and all else is as before: resolves after so long. */
  drain(ms: number): Promise<void>;
  /**
   * Takes no more, tells subscribers to reconnect, lets requests finish for `graceMs` and cuts the rest. Running it
   * again waits for the first.
   */
  close(graceMs: number): Promise<void>;
};

export function createServer(options: ServerOptions): Server {
  const { log, host, context, health, metrics, seen = unseen, serveFile, receiveWebhook, uploadsFolder } = options;
  const { onRefused } = seen;
  const limits = { ...defaultLimits, ...options.limits };
  const stop = new AbortController();
  let isDraining = false;
  const closing = stop.signal;
  // One listener for each stream: as many as there are, and no leak.
  setMaxListeners(0, closing);
  const hasIntrospection = options.hasIntrospection ?? true;
  const maskError = maskErrorsInto(log, { hasHints: hasIntrospection });
  const requestLog = new RequestLog(log);
  const documents = openDocuments();
  const queries = new Queries(options.schema);
  const yoga = createYogaServer({
    documents,
    queries,
    schema: options.schema,
    limits,
    maskError,
    requestLog,
    hasIntrospection,
  });
  const ownNames = [host, ...(options.publicUrl ? [options.publicUrl.hostname] : [])];
  const graphiql =
    options.hasGraphiQL === false
      ? undefined
      : new GraphiQL(() => options.publicUrl?.origin ?? url(), { asksWho: options.asksWho ?? false });
  const store = options.rateStore ?? inMemory;
  const allowances = new Allowances(limits, store, log, onRefused);
  const cors = new Cors(options.corsOrigins ?? []);
  const headers = securityHeaders(options.publicUrl?.protocol === 'https:');
  const broadcasts = new SharedSubscriptions();
  const plain = new PlainOperations({ yoga, documents, queries, limits, maskError });
  const graphql = new GraphQLOverHttp({
    yoga,
    context,
    limits,
    uploadsFolder,
    closing,
    allowances,
    requestLog,
    plain,
    shared: new SharedStreams({ yoga, documents, broadcasts, limits, maskError }),
    headers,
  });
  const protocol = createProtocol({ yoga, context, limits, maskError, requestLog, allowances, broadcasts, onRefused });
  const routes = new Router({
    graphql,
    graphiql,
    cors,
    allowances,
    addressOf: (request) =>
      options.trustedProxies === undefined ? undefined : addressOf(request, options.trustedProxies),
    headers,
    health,
    metrics,
    seen,
    serveFile,
    receiveWebhook,
    limits,
    hasApi: options.hasApi ?? true,
    isOwnHost: (name) => !isLoopbackHost(host) || isOwnHost(name, ownNames),
    isReady: () => !isDraining,
    log,
    requestLog,
  });
  const sockets = new Sockets({
    protocol,
    limits,
    log,
    assertAllowed: async (request) => await routes.assertAllowed(request),
    onRefused,
  });
  const http = createHttpServer(limits, closing, (request, response) => void routes.serve(request, response));
  http.on('upgrade', (request: IncomingMessage, connection: Duplex, head: Buffer) => {
    void sockets.accept(request, connection, head);
  });

  // Asked for once for each picture of a page, and asking the socket is a system call.
  let known: string | undefined;
  const url = () => (known ??= urlOf(http.address() as AddressInfo));

  async function close(graceMs: number): Promise<void> {
    isDraining = true;
    stop.abort();
    sockets.close(graceMs);
    await closeHttpServer(http, graceMs);
  }

  async function drain(ms: number): Promise<void> {
    isDraining = true;
    if (ms > 0) await wait(ms);
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
    open: () => ({ sockets: sockets.size, streams: graphql.streams, listeners: broadcasts.listeners }),
    drain,
    close: (graceMs) => (closed ??= close(graceMs)),
  };
}

function urlOf({ address, port, family }: AddressInfo): string {
  if (address === '0.0.0.0' || address === '::') return `http://localhost:${port}`;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
