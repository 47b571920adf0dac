/** Which path is whose, on the one port. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { type GraphiQL, wantsPage } from './graphql/graphiql.ts';
import type { GraphQLOverHttp } from './graphql/graphql-over-http.ts';
import { graphqlPath } from './graphql/yoga.ts';
import type { Cors } from './http/cors.ts';
import { answerFile, type ServeFile } from './http/files.ts';
import { type Header, setHeaders } from './http/headers.ts';
import { answerAlive, answerReady, type Checks } from './http/health.ts';
import { answerError, foreseenOf, HttpError } from './http/http-error.ts';
import { answerMetrics, type Exposed } from './http/metrics.ts';
import { routeOf, type ServerSeen } from './http/metrics-hooks.ts';
import { isCrossSite } from './http/origin.ts';
import type { RequestLog } from './http/request-log.ts';
import { answerWebhook, type ReceiveWebhook } from './http/webhooks.ts';
import type { Allowances } from './limits/allowances.ts';
import type { Limits } from './limits/limits.ts';

export class Router {
  readonly #parts: RouterParts;
  /** A client sends the same again and again, and to read a URL costs. */
  #lastHost: string | undefined;
  #lastUrl: { host: string | undefined; target: string | undefined; url: URL } | undefined;

  constructor(parts: RouterParts) {
    this.#parts = parts;
  }

  /** Answers in any case, and never throws. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { log, requestLog } = this.#parts;
    const path = pathOf(request);
    const shown = withoutToken(path);
    const line = requestLog.watch(response, shown);
    this.#watch(path, request, response);
    // GraphQL's are written by itself, with the rest of its answer.
    if (path !== graphqlPath || request.method !== 'POST') setHeaders(response, this.#parts.headers);
    try {
      await this.#route(path, request, response, line);
    } catch (error) {
      if (response.destroyed || response.headersSent) {
        // Either the client left, or the answer broke off: then so does the connection, for the client to notice.
        if (!response.destroyed) log.error({ err: error, path: shown }, 'an answer broke off');
        response.destroy();
        return;
      }
      setHeaders(response, this.#parts.headers);
      const foreseen = foreseenOf(error);
      if (foreseen === undefined) log.error({ err: error, path: shown }, 'unforeseen error');
      else if (foreseen !== error) log.warn({ err: error, path: shown }, foreseen.message);
      if (foreseen?.status === 413) this.#parts.seen.onRefused('request_bytes');
      await answerError(response, foreseen ?? unforeseen()).catch((unsent: unknown) => {
        log.error({ err: unsent, path: shown }, 'a refusal could not be sent');
        response.destroy();
      });
    }
  }

  /** For both the requests and the WebSockets of GraphQL, before anybody is asked who they are. Throws HttpError. */
  async assertAllowed(request: IncomingMessage): Promise<void> {
    if (!this.#parts.hasApi) throw new HttpError(404, 'NOT_FOUND', 'This process works jobs, and serves nothing else.');
    await this.#assertWelcome(request);
  }

  /** Their address may ask, and no other site's page does. */
  async #assertWelcome(request: IncomingMessage): Promise<void> {
    const { allowances, addressOf } = this.#parts;
    const address = addressOf(request);
    if (address !== undefined) await allowances.request(address);
    this.#assertOwnSite(request);
  }

  /** Tells of the request when its answer is sent or the client has left. */
  #watch(path: string, { method = '' }: IncomingMessage, response: ServerResponse): void {
    const startedAt = performance.now();
    response.on('close', () => {
      const isStream = String(response.getHeader('content-type')).startsWith('text/event-stream');
      this.#parts.seen.onRequest({
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
    line: ReturnType<RequestLog['watch']>,
  ): Promise<void> {
    const { graphql, graphiql, cors, health, metrics, serveFile, receiveWebhook, limits, isReady, log } = this.#parts;
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (path === '/health' && isRead) return answerAlive(response);
    if (path === '/ready' && isRead) return answerReady(response, health, !isReady(), log);
    if (path === '/metrics' && isRead && metrics) {
      await this.#assertWelcome(request);
      return answerMetrics(request, response, metrics);
    }
    if (!this.#parts.hasApi) throw new HttpError(404, 'NOT_FOUND', 'This process works jobs, and serves nothing else.');
    if (path === graphqlPath && wantsPage(request)) {
      if (graphiql === undefined) throw new HttpError(404, 'NOT_FOUND', 'There is no GraphiQL here: GRAPHIQL is off.');
      return graphiql.answer(request, response);
    }
    if (path === graphqlPath) {
      if (cors.prepare(request, response)) return undefined;
      await this.assertAllowed(request);
      return graphql.answer(request, response, this.#urlOf(request), line);
    }
    if (path.startsWith('/files/') && serveFile && cors.prepare(request, response)) return undefined;
    if (path.startsWith('/files/') && serveFile) return answerFile(request, response, urlOf(request), serveFile);
    if (path.startsWith('/webhooks/') && receiveWebhook) {
      return answerWebhook(request, response, path, receiveWebhook, limits);
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
  /** Undefined when there is none. */
  graphiql: GraphiQL | undefined;
  cors: Cors;
  allowances: Allowances;
  /** Whose requests count; undefined when nobody's do. */
  addressOf: (request: IncomingMessage) => string | undefined;
  health: Checks;
  /** Undefined when nobody may scrape it. */
  metrics: Exposed | undefined;
  seen: ServerSeen;
  serveFile: ServeFile | undefined;
  receiveWebhook: ReceiveWebhook | undefined;
  limits: Limits;
  /** Whether there is more than /health and /ready. */
  hasApi: boolean;
  isOwnHost: (host: string | undefined) => boolean;
  /** Not while the server closes, or is about to. */
  isReady: () => boolean;
  log: Logger;
  requestLog: RequestLog;
  /** Of every answer, unless it has its own. */
  headers: readonly Header[];
};

/** For the log: whoever reads it is not to have the token of a webhook's URL. */
const withoutToken = (path: string) =>
  path.startsWith('/webhooks/') ? path.replace(/^(\/webhooks\/[^/]*\/).*/, '$1…') : path;

const pathOf = ({ url = '/' }: IncomingMessage) => (url === graphqlPath ? url : (url.split('?')[0] ?? '/'));

function urlOf(request: IncomingMessage): URL {
  const href = `http://${request.headers.host ?? 'localhost'}${request.url ?? '/'}`;
  if (URL.canParse(href)) return new URL(href);
  throw new HttpError(400, 'BAD_REQUEST', 'The request target or the Host header is malformed.');
}

const unforeseen = () => new HttpError(500, 'INTERNAL_SERVER_ERROR', 'Unexpected error.');
