/** GraphiQL as one page that loads nothing from other sites. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { tourOf } from './tour.ts';

type Page = { etag: string; scriptHashes: string; bodies: Record<'identity' | 'gzip' | 'br', Buffer> };

/** Whether a browser asks for the page, and not for the result of an operation. */
export const wantsPage = (request: IncomingMessage) =>
  (request.method === 'GET' || request.method === 'HEAD') && (request.headers.accept ?? '').includes('text/html');

export class GraphiQL {
  readonly #url: () => string;
  /** Rendered at the first request: 9 MB, which compress to 2 or 3. */
  #page: Promise<Page> | undefined;
  readonly #needsAccess: boolean;

  /** With `needsAccess` the page has a header for the caller's key. */
  constructor(url: () => string, { needsAccess }: { needsAccess: boolean }) {
    this.#url = url;
    this.#needsAccess = needsAccess;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#page ??= renderPage(this.#url(), this.#needsAccess);
    const { etag, bodies, scriptHashes } = await this.#page;
    const headers = { ...pageHeaders(scriptHashes, request.headers.host ?? ''), etag };
    if (request.headers['if-none-match'] === etag) {
      response.writeHead(304, headers).end();
      return;
    }
    const encoding = acceptedEncoding(request.headers['accept-encoding']);
    const body = bodies[encoding];
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/html; charset=utf-8',
      'content-length': body.length,
      ...(encoding !== 'identity' && { 'content-encoding': encoding }),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }
}

/** In GraphiQL of 5.24.1 a pressed tab jumps away from under the mouse and never opens. */
const tabFix = '.graphiql-tab{transform:none!important}';

async function renderPage(url: string, needsAccess: boolean): Promise<Page> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const rendered = renderGraphiQL({
    title: 'Likeness',
    defaultTabs: tourOf(url),
    // GraphiQL opens its WebSocket without the headers of the editor, and so without the caller's key.
    subscriptionsProtocol: needsAccess ? 'SSE' : 'WS',
    ...(needsAccess && { headers: JSON.stringify({ Authorization: 'Bearer lk_YOUR_KEY' }, null, 2) }),
    shouldPersistHeaders: false,
  });
  const html = rendered.replace('</head>', `<style>${tabFix}</style></head>`);
  const identity = Buffer.from(html);
  const [zipped, brotli] = await Promise.all([
    promisify(gzip)(identity, { level: 9 }),
    promisify(brotliCompress)(identity, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
  ]);
  return {
    // Weak: the same page in three encodings.
    etag: `W/"${createHash('sha256').update(identity).digest('base64url')}"`,
    scriptHashes: hashesOfScripts(html),
    bodies: { identity, gzip: zipped, br: brotli },
  };
}

/** Only the page's own scripts run, it connects to this server only, and no page may frame it. */
function pageHeaders(scriptHashes: string, host: string): Record<string, string> {
  const policy = {
    'default-src': "'none'",
    'script-src': scriptHashes,
    'worker-src': 'blob:',
    'style-src': "'unsafe-inline'",
    'font-src': 'data:',
    'img-src': "'self' data:",
    // A malformed Host could add rules to the policy.
    'connect-src': /^[\w.:[\]-]+$/.test(host) ? `'self' ws://${host} wss://${host}` : "'self'",
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
  };
  return {
    'content-security-policy': Object.entries(policy)
      .map((directive) => directive.join(' '))
      .join('; '),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-cache',
    vary: 'accept, accept-encoding',
  };
}

const hashesOfScripts = (html: string) =>
  [...html.matchAll(/<script>([^]*?)<\/script>/g)]
    // A browser hashes them without carriage returns.
    .map(([, script = '']) => createHash('sha256').update(script.replace(/\r\n?/g, '\n')).digest('base64'))
    .map((hash) => `'sha256-${hash}'`)
    .join(' ');

function acceptedEncoding(header: string | string[] = ''): keyof Page['bodies'] {
  const accepted = String(header)
    .split(',')
    .filter((item) => !/;\s*q=0(\.0*)?\s*$/.test(item))
    .map((item) => item.split(';')[0]?.trim());
  if (accepted.includes('br')) return 'br';
  return accepted.includes('gzip') ? 'gzip' : 'identity';
}
