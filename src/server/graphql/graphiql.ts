/** GraphiQL as one page that loads nothing from anywhere else. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { tourOf } from './tour.ts';

type Page = { etag: string; scriptHashes: string; bodies: Record<'identity' | 'gzip' | 'br', Buffer> };

/** Whether the request is a browser's for a page rather than an operation. */
export const wantsPage = (request: IncomingMessage) =>
  (request.method === 'GET' || request.method === 'HEAD') && (request.headers.accept ?? '').includes('text/html');

export class GraphiQL {
  readonly #url: () => string;
  /** Made at the first request: 9 MB, of which a browser is sent 2 to 3. */
  #page: Promise<Page> | undefined;

  readonly #asksWho: boolean;

  /** `asksWho`: callers need a key, which the page then has a place for. */
  constructor(url: () => string, { asksWho }: { asksWho: boolean }) {
    this.#url = url;
    this.#asksWho = asksWho;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#page ??= renderPage(this.#url(), this.#asksWho);
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

/** In 5.24.1 a tab that is pressed jumps away from under the mouse, by its place in the row, and is never opened. */
const tabFix = '.graphiql-tab{transform:none!important}';

async function renderPage(url: string, asksWho: boolean): Promise<Page> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const rendered = renderGraphiQL({
    title: 'Likeness',
    defaultTabs: tourOf(url),
    // Its WebSocket is opened without the headers of the editor, which a server that asks who calls needs.
    subscriptionsProtocol: asksWho ? 'SSE' : 'WS',
    ...(asksWho && { headers: JSON.stringify({ Authorization: 'Bearer lk_YOUR_KEY' }, null, 2) }),
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

/** The page's own scripts may run and no others, it may talk to this server only, and nobody may put it in a frame. */
function pageHeaders(scriptHashes: string, host: string): Record<string, string> {
  const policy = {
    'default-src': "'none'",
    'script-src': scriptHashes,
    'worker-src': 'blob:',
    'style-src': "'unsafe-inline'",
    'font-src': 'data:',
    'img-src': "'self' data:",
    // A Host that is none would be a rule of its own.
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
    // As a browser reads them: HTML has no carriage returns.
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
