/** Sends each request on the one port to the part that serves its path. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { Limits } from '../runtime/limits.ts';
import { type GraphiQL, wantsPage } from './graphiql/page.ts';
import type { OperationOutcome } from './graphql/operation.ts';
import type { Cors } from './http/cors.ts';
import { type ServeFile, sendFile } from './http/files.ts';
import type { GraphQLOverHttp } from './http/graphql-over-http.ts';
import { type Header, setHeaders } from './http/headers.ts';
import { type Checks, sendHealth, sendReadiness } from './http/health.ts';
import { HttpError, sendError, toHttpError } from './http/http-error.ts';
import { type MetricsEndpoint, sendMetrics } from './http/metrics.ts';
import { routeOf, type ServerMetrics } from './http/metrics-hooks.ts';
import { isCrossSite } from './http/origin.ts';
import type { RequestLog } from './http/request-log.ts';
import { type ReceiveWebhook, sendToReceiver } from './http/webhooks.ts';
import { graphqlPath } from './http/yoga.ts';
import type { Allowances } from './limits/allowances.ts';

export class Router {
  readonly #parts: RouterParts;
  /** Clients send the same host and target again and again, and parsing a URL is slow. */
  #lastHost: string | undefined;
  #lastUrl: { host: string | undefined; target: string | undefined; url: URL } | undefined;

  constructor(parts: RouterParts) {
    this.#parts = parts;
  }

  /** Always answers, and never rejects. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { log, requestLog } = this.#parts;
    const path = pathOf(request);
    const shown = withoutToken(path);
    const onOutcome = requestLog.watch(response, shown);
    this.#measure(path, request, response);
    // GraphQL sets them itself, together with the other headers of its answer.
    if (path !== graphqlPath || request.method !== 'POST') setHeaders(response, this.#parts.headers);
    try {
      await this.#route(path, request, response, onOutcome);
    } catch (error) {
      if (response.destroyed || response.headersSent) {
        // Either the client has left, or the answer broke off: cutting the connection lets the client notice.
        if (!response.destroyed) log.error({ err: error, path: shown }, 'an answer broke off');
        response.destroy();
        return;
      }
      setHeaders(response, this.#parts.headers);
      const expected = toHttpError(error);
      if (expected === undefined) log.error({ err: error, path: shown }, 'unexpected error');
      else if (expected !== error) log.warn({ err: error, path: shown }, expected.message);
      if (expected?.status === 413) this.#parts.metrics.onRefused('request_bytes');
      await sendError(response, expected ?? unexpected()).catch((unsent: unknown) => {
        log.error({ err: unsent, path: shown }, 'an error could not be sent');
        response.destroy();
      });
    }
  }

  /** Checks a GraphQL request or WebSocket before its caller is authenticated. Throws HttpError. */
  async assertAllowed(request: IncomingMessage): Promise<void> {
    if (!this.#parts.hasApi) throw noApi();
    await this.#assertAddressAndSite(request);
  }

  /** The address is within its limit, and the request does not come from a page of another site. */
  async #assertAddressAndSite(request: IncomingMessage): Promise<void> {
    const { allowances, addressOf } = this.#parts;
    const address = addressOf(request);
    if (address !== undefined) await allowances.request(address);
    this.#assertOwnSite(request);
  }

  /** Reports the request to the metrics when its answer is sent or the client has left. */
  #measure(path: string, { method = '' }: IncomingMessage, response: ServerResponse): void {
    const startedAt = performance.now();
    response.on('close', () => {
      const isStream = String(response.getHeader('content-type')).startsWith('text/event-stream');
      this.#parts.metrics.onRequest({
        route: routeOf(path, isStream),
        method,
        status: response.statusCode,
        ms: performance.now() - startedAt,
      });
    });
  }

  /** See origin.ts. */
  #assertOwnSite(request: IncomingMessage): void {
    const { host } = request.headers;
    if (host !== this.#lastHost && !this.#parts.isOwnHost(host)) {
      const message = 'This server does not go by that name. If it should, set PUBLIC_URL.';
      throw new HttpError(421, 'MISDIRECTED_REQUEST', message);
    }
    this.#lastHost = host;
    if (isCrossSite(request.headers) && !this.#parts.cors.allows(request)) {
      throw new HttpError(403, 'CROSS_SITE_REQUEST', 'Pages of other sites may not use this server.');
    }
  }

  /** Throws HttpError 400. */
  #urlOf(request: IncomingMessage): URL {
    const { url: target, headers } = request;
    const { host } = headers;
    const last = this.#lastUrl;
    if (last !== undefined && last.host === host && last.target === target) return last.url;
    const url = urlOf(request);
    this.#lastUrl = { host, target, url };
    return url;
  }

  async #route(
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
    onOutcome: (outcome: OperationOutcome) => void,
  ): Promise<void> {
    const { graphql, graphiql, cors, health, metricsEndpoint, serveFile, receiveWebhook, limits, isReady, log } =
      this.#parts;
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (path === '/health' && isRead) return sendHealth(response);
    if (path === '/ready' && isRead) return sendReadiness(response, health, !isReady(), log);
    if (path === '/metrics' && isRead && metricsEndpoint) {
      await this.#assertAddressAndSite(request);
      return sendMetrics(request, response, metricsEndpoint);
    }
    if (!this.#parts.hasApi) throw noApi();
    if (path === graphqlPath && wantsPage(request)) {
      if (graphiql === undefined) throw new HttpError(404, 'NOT_FOUND', 'There is no GraphiQL here: GRAPHIQL is off.');
      return graphiql.answer(request, response);
    }
    if (path === graphqlPath) {
      if (cors.prepare(request, response)) return undefined;
      await this.assertAllowed(request);
      return graphql.answer(request, response, this.#urlOf(request), onOutcome);
    }
    if (path.startsWith('/files/') && serveFile && cors.prepare(request, response)) return undefined;
    if (path.startsWith('/files/') && serveFile) return sendFile(request, response, urlOf(request), serveFile);
    if (path.startsWith('/webhooks/') && receiveWebhook) {
      return sendToReceiver(request, response, path, receiveWebhook, limits);
    }
    if (path === '/' && wantsPage(request) && graphiql) {
      response.writeHead(302, { location: graphqlPath }).end();
      return undefined;
    }
    throw new HttpError(404, 'NOT_FOUND', `There is nothing here. GraphQL is at ${graphqlPath}.`);
  }
}

export type RouterParts = {
  graphql: GraphQLOverHttp;
  /** Undefined if GRAPHIQL is off. */
  graphiql: GraphiQL | undefined;
  cors: Cors;
  allowances: Allowances;
  /** The client's address; undefined if addresses are not limited. */
  addressOf: (request: IncomingMessage) => string | undefined;
  health: Checks;
  /** Undefined when nobody may scrape it. */
  metricsEndpoint: MetricsEndpoint | undefined;
  metrics: ServerMetrics;
  serveFile: ServeFile | undefined;
  receiveWebhook: ReceiveWebhook | undefined;
  limits: Limits;
  /** False serves /health, /ready and /metrics only. */
  hasApi: boolean;
  isOwnHost: (host: string | undefined) => boolean;
  /** False while the server drains or closes. */
  isReady: () => boolean;
  log: Logger;
  requestLog: RequestLog;
  /** Of every answer, unless it sets its own. */
  headers: readonly Header[];
};

/** For the log, whose readers must not get the token of a webhook's URL. */
const withoutToken = (path: string) =>
  path.startsWith('/webhooks/') ? path.replace(/^(\/webhooks\/[^/]*\/).*/, '$1…') : path;

const pathOf = ({ url = '/' }: IncomingMessage) => (url === graphqlPath ? url : (url.split('?')[0] ?? '/'));

function urlOf(request: IncomingMessage): URL {
  const href = `http://${request.headers.host ?? 'localhost'}${request.url ?? '/'}`;
  if (URL.canParse(href)) return new URL(href);
  throw new HttpError(400, 'BAD_REQUEST', 'The request target or the Host header is malformed.');
}

const noApi = () =>
  new HttpError(404, 'NOT_FOUND', 'This process runs jobs only. The API is served by another process.');

const unexpected = () => new HttpError(500, 'INTERNAL_SERVER_ERROR', 'Unexpected error.');
