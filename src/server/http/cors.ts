/** CORS for the pages of an allow-list of other sites. They send keys or tokens; cookies are never allowed. */
import type { IncomingMessage, ServerResponse } from 'node:http';

const maxAgeSeconds = 86_400;

export class Cors {
  readonly #origins: ReadonlySet<string>;

  /** Each as in `https://app.example.com`. */
  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins);
  }

  allows(request: IncomingMessage): boolean {
    const { origin } = request.headers;
    return origin !== undefined && this.#origins.has(origin);
  }

  /** Sets the headers that let the page read the answer. Returns true if the request was a preflight, which is then answered. */
  prepare(request: IncomingMessage, response: ServerResponse): boolean {
    const { origin } = request.headers;
    if (this.#origins.size > 0) response.setHeader('vary', 'origin');
    if (origin === undefined || !this.#origins.has(origin)) return false;
    response.setHeader('access-control-allow-origin', origin);
    response.setHeader('access-control-expose-headers', 'retry-after, www-authenticate');
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return false;
    response.writeHead(204, {
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers':
        'authorization, content-type, accept, x-likeness-user, apollo-require-preflight, graphql-require-preflight',
      'access-control-max-age': String(maxAgeSeconds),
    });
    response.end();
    return true;
  }
}
