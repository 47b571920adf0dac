/**
 * fal as a test scripts it: a real HTTP server on loopback that answers each request with the next act of its route and
 * remembers what it saw. A request without an act left gets 599, so that one too many shows.
 */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Seen = {
  method: string;
  path: string;
  query: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** Resolves when the connection is gone. */
  closed: Promise<void>;
};

/** What to do with one request whose body has been read. */
export type Act = (response: ServerResponse, seen: Seen) => unknown;

export type ScriptedFal = {
  url: string;
  seen: Seen[];
  /** Adds acts to a route, one for each request to come. */
  script(route: `${string} /${string}`, ...acts: Act[]): void;
  /** An act for every request to a route that has none left. */
  always(route: `${string} /${string}`, act: Act): void;
  /** The requests to a route so far. */
  at(route: string): Seen[];
  /** Resolves with the n-th request to a route, from 1, once it came. */
  nth(route: string, n: number): Promise<Seen>;
  openSockets(): number;
  /** Forgets every act and every request, and cuts the connections that are open. */
  reset(): void;
  close(): Promise<void>;
};

export async function openScriptedFal(): Promise<ScriptedFal> {
  const acts = new Map<string, Act[]>();
  const forever = new Map<string, Act>();
  const seen: Seen[] = [];
  const waiting = new Set<() => void>();
  /** The open ones, each with its end. */
  const sockets = new Map<unknown, Promise<void>>();

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, search } = new URL(request.url ?? '/', 'http://fal');
    const method = request.method ?? '';
    const route = `${method} ${pathname}`;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { headers, socket } = request;
    const closed = sockets.get(socket) ?? Promise.resolve();
    const entry = { method, path: pathname, query: search, headers, body: Buffer.concat(chunks), closed };
    seen.push(entry);
    for (const check of waiting) check();
    const act = acts.get(route)?.shift() ?? forever.get(route) ?? json(599, { detail: `nothing scripted: ${route}` });
    await act(response, entry);
  };

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 60_000;
  server.on('connection', (socket) => {
    const closed = new Promise<void>((resolve) => {
      socket.once('close', () => {
        sockets.delete(socket);
        resolve();
      });
    });
    sockets.set(socket, closed);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const at = (route: string): Seen[] => seen.filter(({ method, path }) => `${method} ${path}` === route);

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    script: (route, ...more) => void acts.set(route, [...(acts.get(route) ?? []), ...more]),
    always: (route, act) => void forever.set(route, act),
    at,
    nth: (route, n) =>
      new Promise((resolve) => {
        const check = (): void => {
          const found = at(route)[n - 1];
          if (!found) return;
          waiting.delete(check);
          resolve(found);
        };
        waiting.add(check);
        check();
      }),
    openSockets: () => sockets.size,
    reset() {
      acts.clear();
      forever.clear();
      seen.length = 0;
      server.closeAllConnections();
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Act {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  };
}

export function text(status: number, body: string | Buffer, headers: Record<string, string> = {}): Act {
  return (response) => {
    response.writeHead(status, { 'content-type': 'text/html', ...headers }).end(body);
  };
}

/** The connection is reset after the request was read, before a byte of an answer. */
export const reset: Act = (response) => response.socket?.resetAndDestroy();

/** The connection is reset in the middle of an answer that promised more. */
export const resetMidBody: Act = async (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
  await write(response, '{"request_id":');
  response.socket?.resetAndDestroy();
};

/** No answer, ever. */
export const hang: Act = () => undefined;

/** Status and headers, and then never a body. */
export const hangMidBody: Act = async (response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  await write(response, '{"request_id":');
};

/** An event stream that sends these chunks as they are and then ends as told. */
export function sse(chunks: readonly (string | Uint8Array)[], end: 'close' | 'reset' | 'stall' = 'close'): Act {
  return async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    for (const chunk of chunks) await write(response, chunk);
    if (end === 'close') response.end();
    else if (end === 'reset') response.socket?.resetAndDestroy();
  };
}

export function event(status: unknown): string {
  return `data: ${JSON.stringify(status)}\n\n`;
}

/** Resolves once the chunk has left: a turn of the loop lets it arrive as a packet of its own. */
export async function write(response: ServerResponse, chunk: string | Uint8Array): Promise<void> {
  await new Promise<void>((resolve) => {
    response.write(chunk, () => setImmediate(resolve));
  });
}
