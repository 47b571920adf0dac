/** The one port: GraphQL over HTTP, server-sent events and WebSocket; GraphiQL, files, webhooks, metrics and health. */
import { once, setMaxListeners } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import type { GraphQLSchema } from 'graphql';
import type { Logger } from 'pino';
import { isLoopbackHost } from '../runtime/loopback.ts';
import { SharedSubscriptions } from './fanout/shared-subscriptions.ts';
import { GraphiQL } from './graphiql/page.ts';
import { Documents } from './graphql/documents.ts';
import { createExecutor } from './graphql/executor/executor.ts';
import { createMaskError } from './graphql/mask.ts';
import { Operations } from './graphql/operation.ts';
import type { CreateContext } from './graphql/operation-context.ts';
import { closeHttpServer, createHttpServer } from './http/connections.ts';
import { Cors } from './http/cors.ts';
import type { ServeFile } from './http/files.ts';
import { GraphQLOverHttp } from './http/graphql-over-http.ts';
import { securityHeaders } from './http/headers.ts';
import type { Checks } from './http/health.ts';
import type { MetricsEndpoint } from './http/metrics.ts';
import { noMetrics, type ServerMetrics } from './http/metrics-hooks.ts';
import { isOwnHost } from './http/origin.ts';
import { RequestLog } from './http/request-log.ts';
import type { ReceiveWebhook } from './http/webhooks.ts';
import { createYogaServer } from './http/yoga.ts';
import { Allowances, addressOf } from './limits/allowances.ts';
import { defaultLimits, type Limits } from './limits/limits.ts';
import { inMemory, type RateStore } from './limits/rate-store.ts';
import { Router } from './router.ts';
import { openUploadsFolder } from './upload/multipart.ts';
import { createProtocol } from './websocket/protocol.ts';
import { Sockets } from './websocket/sockets.ts';

export type ServerOptions = {
  schema: GraphQLSchema;
  createContext: CreateContext;
  host: string;
  /** 0 takes any free port. */
  port: number;
  /** Where clients reach the server, if that is not `host` and `port`. Requests for its host name are then accepted. */
  publicUrl?: URL;
  log: Logger;
  /** The parts that /ready asks. */
  health: Checks;
  /** Serves /metrics. Default: 404. */
  metricsEndpoint?: MetricsEndpoint | undefined;
  /** Called for each request and each refusal. */
  metrics?: ServerMetrics;
  /** Where files are received. The folder belongs to this server and is emptied when it starts. */
  uploadsFolder: string;
  /** Whether no other process uses that folder. Default: true. */
  isAlone?: boolean;
  /** Serves /files/*. Default: 404. */
  serveFile?: ServeFile;
  /** Serves /webhooks/*. Default: 404. */
  receiveWebhook?: ReceiveWebhook;
  limits?: Partial<Limits>;
  /** Counts the limits per minute. Default: in this process. */
  rateStore?: RateStore;
  /** How many proxies stand in front of this server, for the caller's address. Undefined: addresses are not limited. */
  trustedProxies?: number;
  /** Other sites whose pages may use this server, as in `https://app.example.com`. Default: none. */
  corsOrigins?: readonly string[];
  /** False serves /health, /ready and /metrics only. Default: true. */
  hasApi?: boolean;
  /** Default: true. */
  hasGraphiQL?: boolean;
  /** Whether callers need a key or a token. Default: false. */
  needsAccess?: boolean;
  /** Whether everybody may introspect the schema; otherwise only sessions with `mayIntrospect`. Default: true. */
  hasIntrospection?: boolean;
};

export type Server = {
  listen(): Promise<{ url: string }>;
  /** As in `http://127.0.0.1:4000`. Only after `listen`. */
  url(): string;
  /** What clients hold open now; `subscribers` are those of shared subscriptions. */
  open(): { sockets: number; streams: number; subscribers: number };
  /** From now on /ready answers 503, and everything else works as before. Resolves after `ms`. */
  drain(ms: number): Promise<void>;
  /**
   * Accepts nothing more, tells subscribers to reconnect, lets requests finish for `graceMs` and cuts the rest. A second
   * call waits for the first.
   */
  close(graceMs: number): Promise<void>;
};

export function createServer(options: ServerOptions): Server {
  const { schema, createContext, log, metrics = noMetrics, hasIntrospection = true } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const state = { isReady: true, closing: new AbortController() };
  const closing = state.closing.signal;
  // Each event stream adds a listener: as many as there are streams are no leak.
  setMaxListeners(0, closing);

  const maskError = createMaskError(log, { hasHints: hasIntrospection });
  const requestLog = new RequestLog(log);
  const allowances = new Allowances(limits, options.rateStore ?? inMemory, log, metrics);
  const documents = new Documents(schema, limits, { hasIntrospection });
  const execute = createExecutor(schema);
  const sharedSubscriptions = new SharedSubscriptions();
  const operations = new Operations({
    schema,
    documents,
    execute,
    createContext,
    limits,
    allowances,
    sharedSubscriptions,
    maskError,
  });

  const headers = securityHeaders(options.publicUrl?.protocol === 'https:');
  const yoga = createYogaServer({ schema, maskError });
  const { uploadsFolder } = options;
  const graphql = new GraphQLOverHttp({
    yoga,
    operations,
    limits,
    allowances,
    maskError,
    uploadsFolder,
    closing,
    headers,
  });
  const graphiql = graphiqlOf(options, () => url());
  const router = new Router({
    ...routesOf(options),
    graphql,
    graphiql,
    allowances,
    headers,
    limits,
    isReady: () => state.isReady,
    log,
    metrics,
    requestLog,
  });
  const protocol = createProtocol({ operations, createContext, limits, allowances, maskError, requestLog, metrics });
  const sockets = new Sockets({
    protocol,
    limits,
    log,
    metrics,
    assertAllowed: (request) => router.assertAllowed(request),
  });
  const http = createHttpServer(limits, closing, (request, response) => void router.serve(request, response));
  http.on('upgrade', (request: IncomingMessage, connection: Duplex, head: Buffer) => {
    void sockets.accept(request, connection, head);
  });

  // Read once for each picture of a page, and each read of the address is a system call.
  let knownUrl: string | undefined;
  const url = () => (knownUrl ??= urlOf(http.address() as AddressInfo));

  async function close(graceMs: number): Promise<void> {
    state.isReady = false;
    state.closing.abort();
    sockets.close(graceMs);
    await closeHttpServer(http, graceMs);
  }

  let closed: Promise<void> | undefined;
  return {
    async listen() {
      await openUploadsFolder(uploadsFolder, options.isAlone ?? true);
      http.listen(options.port, options.host);
      // Rejects if the port is taken.
      await once(http, 'listening');
      return { url: url() };
    },
    url,
    open: () => ({
      sockets: sockets.size,
      streams: graphql.streams,
      subscribers: sharedSubscriptions.subscribers,
    }),
    async drain(ms) {
      state.isReady = false;
      if (ms > 0) await wait(ms);
    },
    close: (graceMs) => (closed ??= close(graceMs)),
  };
}

function graphiqlOf({ hasGraphiQL = true, publicUrl, needsAccess = false }: ServerOptions, url: () => string) {
  return hasGraphiQL ? new GraphiQL(() => publicUrl?.origin ?? url(), { needsAccess }) : undefined;
}

/** The routes that the options name, and who may use them. */
function routesOf(options: ServerOptions) {
  const { host, publicUrl, trustedProxies, health, metricsEndpoint, serveFile, receiveWebhook } = options;
  const ownNames = [host, ...(publicUrl ? [publicUrl.hostname] : [])];
  return {
    health,
    metricsEndpoint,
    serveFile,
    receiveWebhook,
    hasApi: options.hasApi ?? true,
    cors: new Cors(options.corsOrigins ?? []),
    isOwnHost: (name: string | undefined) => !isLoopbackHost(host) || isOwnHost(name, ownNames),
    addressOf: (request: IncomingMessage) =>
      trustedProxies === undefined ? undefined : addressOf(request, trustedProxies),
  };
}

function urlOf({ address, port, family }: AddressInfo): string {
  if (address === '0.0.0.0' || address === '::') return `http://localhost:${port}`;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
