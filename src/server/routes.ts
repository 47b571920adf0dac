/** Which path is whose, on the one port. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { answerFile, type ServeFile } from './files.ts';
import { type GraphiQL, wantsPage } from './graphiql.ts';
import type { GraphQLOverHttp } from './graphql-over-http.ts';
import { answerAlive, answerReady, type Health } from './health.ts';
import { answerError, HttpError } from './http-error.ts';
import type { Limits } from './limits.ts';
import { isCrossSite } from './origin.ts';
import type { RequestLog } from './request-log.ts';
import { answerWebhook, type ReceiveWebhook } from './webhooks.ts';
import { graphqlPath } from './yoga.ts';

export class Routes {
  readonly #parts: RoutesParts;

  constructor(parts: RoutesParts) {
    this.#parts = parts;
  }

  /** Answers in any case, and never throws. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { log, requestLog } = this.#parts;
    const path = request.url?.split('?')[0] ?? '/';
    const shown = withoutToken(path);
    const line = requestLog.watch(response, shown);
    try {
      await this.#route(path, request, response, line);
    } catch (error) {
      if (response.destroyed || response.headersSent) {
        // Either the client left, or the answer broke off: then so does the connection, for the client to notice.
        if (!response.destroyed) log.error({ err: error, path: shown }, 'an answer broke off');
        response.destroy();
        return;
      }
      if (!(error instanceof HttpError)) log.error({ err: error, path: shown }, 'unforeseen error');
      await answerError(response, error instanceof HttpError ? error : unforeseen());
    }
  }

  /** For both the requests and the WebSockets of GraphQL; see origin.ts. */
  assertOwnSite(request: IncomingMessage): void {
    if (!this.#parts.isOwnHost(request.headers.host)) {
      const message = 'This server does not go by that name. If it should, set PUBLIC_URL.';
      throw new HttpError(421, 'MISDIRECTED_REQUEST', message);
    }
    if (isCrossSite(request.headers)) {
      throw new HttpError(403, 'CROSS_SITE_REQUEST', 'Pages of other sites may not use this server.');
    }
  }

  async #route(
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
    line: ReturnType<RequestLog['watch']>,
  ): Promise<void> {
    const { graphql, graphiql, health, serveFile, receiveWebhook, limits, closing, log } = this.#parts;
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (path === graphqlPath && wantsPage(request)) return graphiql.answer(request, response);
    if (path === graphqlPath) {
      this.assertOwnSite(request);
      return graphql.answer(request, response, urlOf(request), line);
    }
    if (path === '/health' && isRead) return answerAlive(response);
    if (path === '/ready' && isRead) return answerReady(response, health, closing.aborted, log);
    if (path.startsWith('/files/') && serveFile) return answerFile(request, response, urlOf(request), serveFile);
    if (path.startsWith('/webhooks/') && receiveWebhook) {
      return answerWebhook(request, response, path, receiveWebhook, limits);
    }
    if (path === '/' && wantsPage(request)) {
      response.writeHead(302, { location: graphqlPath }).end();
      return undefined;
    }
    throw new HttpError(404, 'NOT_FOUND', `There is nothing here. GraphQL is at ${graphqlPath}.`);
  }
}

export type RoutesParts = {
  graphql: GraphQLOverHttp;
  graphiql: GraphiQL;
  health: () => Promise<Health>;
  serveFile: ServeFile | undefined;
  receiveWebhook: ReceiveWebhook | undefined;
  limits: Limits;
  isOwnHost: (host: string | undefined) => boolean;
  /** From then on the server is not ready. */
  closing: AbortSignal;
  log: Logger;
  requestLog: RequestLog;
};

/** For the log: whoever reads it is not to have the token of a webhook's URL. */
const withoutToken = (path: string) => path.replace(/^(\/webhooks\/[^/]*\/).*/, '$1…');

function urlOf(request: IncomingMessage): URL {
  const href = `http://${request.headers.host ?? 'localhost'}${request.url ?? '/'}`;
  if (URL.canParse(href)) return new URL(href);
  throw new HttpError(400, 'BAD_REQUEST', 'The request target or the Host header is malformed.');
}

const unforeseen = () => new HttpError(500, 'INTERNAL_SERVER_ERROR', 'Unexpected error.');
