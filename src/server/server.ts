/** The one port: GraphQL over HTTP, server-sent events and WebSocket; GraphiQL, files, webhooks, metrics and health. */
import { once, setMaxListeners } from 'node:events';
import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { defaultLimits, type Limits } from '../runtime/limits.ts';
import { isLoopbackHost } from '../runtime/loopback.ts';
import { SharedSubscriptions } from './fanout/shared-subscriptions.ts';
import { GraphiQL } from './graphiql/page.ts';
import { Documents } from './graphql/documents.ts';
import { createExecutor } from './graphql/executor/executor.ts';
import { createMaskError } from './graphql/mask.ts';
import { Operations } from './graphql/operations.ts';
import { closeHttpServer, createHttpServer } from './http/connections.ts';
import { Cors } from './http/cors.ts';
import { GraphQLOverHttp } from './http/graphql-over-http.ts';
import { type Header, securityHeaders } from './http/headers.ts';
import { noMetrics, type ServerMetrics } from './http/metrics-hooks.ts';
import { isOwnHost } from './http/origin.ts';
import { RequestLog } from './http/request-log.ts';
import { createYogaServer } from './http/yoga.ts';
import { Allowances, addressOf } from './limits/allowances.ts';
import { inMemory } from './limits/rate-store.ts';
import { Router } from './router.ts';
import type { ServerOptions } from './server-options.ts';
import { openUploadsFolder } from './upload/multipart.ts';
import { createProtocol } from './websocket/protocol.ts';
import { Sockets } from './websocket/sockets.ts';

export type Server = {
  listen(): Promise<{ url: string }>;
  /** As in `http://127.0.0.1:4000`. Only after `listen`. */
  url(): string;
  /** How many connections are open now. `subscribers` counts the clients of shared subscriptions. */
  open(): { sockets: number; streams: number; subscribers: number };
  /** From now on /ready answers 503, and everything else works as before. Resolves after `ms`. */
  drain(ms: number): Promise<void>;
  /**
   * Accepts nothing more, asks subscribers to reconnect, lets requests finish for `graceMs` and cuts the rest. A second
   * call waits for the first.
   */
  close(graceMs: number): Promise<void>;
};

/** A part of the server with something to open or to close. */
type Part = { open?: () => Promise<void>; close?: (graceMs: number) => Promise<void> | void };

export function createServer(options: ServerOptions): Server {
  const { log, metrics = noMetrics } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const closing = new AbortController();
  // Each event stream adds a listener, so many listeners are no leak.
  setMaxListeners(0, closing.signal);
  let isReady = true;

  const allowances = new Allowances(limits, options.rateStore ?? inMemory, log, metrics);
  const headers = securityHeaders(options.publicUrl?.protocol === 'https:');
  const common = {
    limits,
    allowances,
    log,
    metrics,
    requestLog: new RequestLog(log),
    headers,
    closing: closing.signal,
  };
  const { graphql, protocol, sharedSubscriptions } = createGraphQL(options, common);
  const graphiql = graphiqlOf(options, () => url());
  const router = new Router({ ...routesOf(options), ...common, graphql, graphiql, isReady: () => isReady });
  const sockets = new Sockets({ ...common, protocol, assertAllowed: (request) => router.assertAllowed(request) });
  const http = createHttpServer(limits, closing.signal, (request, response) => void router.serve(request, response));
  http.on('upgrade', (request, connection, head) => void sockets.accept(request, connection, head));

  // Cached, because each read of the address is a system call and GraphiQL reads the URL for each page.
  let knownUrl: string | undefined;
  const url = () => (knownUrl ??= urlOf(http.address() as AddressInfo));

  /** `listen` opens them in this order, and `close` closes them in reverse. */
  const parts: Part[] = [
    { open: () => openUploadsFolder(options.uploadsFolder, options.isAlone ?? true) },
    { open: () => listen(http, options), close: (graceMs) => closeHttpServer(http, graceMs) },
    { close: (graceMs) => sockets.close(graceMs) },
    // Ends the event streams, and each connection with its next answer.
    { close: () => closing.abort() },
    {
      close: () => {
        isReady = false;
      },
    },
  ];
  async function close(graceMs: number): Promise<void> {
    for (const part of parts.toReversed()) await part.close?.(graceMs);
  }

  let closed: Promise<void> | undefined;
  return {
    async listen() {
      for (const part of parts) await part.open?.();
      return { url: url() };
    },
    url,
    open: () => ({
      sockets: sockets.size,
      streams: graphql.streams,
      subscribers: sharedSubscriptions.subscribers,
    }),
    async drain(ms) {
      isReady = false;
      if (ms > 0) await wait(ms);
    },
    close: (graceMs) => (closed ??= close(graceMs)),
  };
}

type Common = {
  limits: Limits;
  allowances: Allowances;
  requestLog: RequestLog;
  metrics: ServerMetrics;
  headers: readonly Header[];
  closing: AbortSignal;
};

/** The pipeline of operations, and the two transports that use it. */
function createGraphQL(options: ServerOptions, common: Common) {
  const { schema, createContext, hasIntrospection = true, uploadsFolder } = options;
  const maskError = createMaskError(options.log, { hasHints: hasIntrospection });
  const sharedSubscriptions = new SharedSubscriptions();
  const operations = new Operations({
    ...common,
    schema,
    documents: new Documents(schema, common.limits, { hasIntrospection }),
    execute: createExecutor(schema),
    createContext,
    sharedSubscriptions,
    maskError,
  });
  const yoga = createYogaServer({ schema, maskError });
  const graphql = new GraphQLOverHttp({ ...common, yoga, operations, maskError, uploadsFolder });
  const protocol = createProtocol({ ...common, operations, createContext, maskError });
  return { graphql, protocol, sharedSubscriptions };
}

function graphiqlOf({ hasGraphiQL = true, publicUrl, needsAccess = false }: ServerOptions, url: () => string) {
  return hasGraphiQL ? new GraphiQL(() => publicUrl?.origin ?? url(), { needsAccess }) : undefined;
}

/** Rejects if the port is in use. */
async function listen(http: HttpServer, { host, port }: ServerOptions): Promise<void> {
  http.listen(port, host);
  await once(http, 'listening');
}

/** The routes that the options enable, and who may use them. */
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
