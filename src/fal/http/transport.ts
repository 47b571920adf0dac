/**
 * HTTP to fal: connections, timeouts and the address of fal's hosts. Its errors say whether the request can have reached
 * fal. It never repeats a request and follows no redirect.
 */
import { once, setMaxListeners } from 'node:events';
import { get as getPlain, type IncomingMessage } from 'node:http';
import { get as getSecure } from 'node:https';
import { Agent, buildConnector, type Dispatcher, fetch, type RequestInit, type Response } from 'undici';
import { abortScope } from './abort-scope.ts';
import { isFalHost } from './hosts.ts';
import type { CallName, OnCallStart } from './metrics-hooks.ts';
import { noBackpressure } from './no-backpressure.ts';
import { NoResponse, ResponseTimeout } from './transport-errors.ts';

export type HttpRequest = {
  url: string;
  method: string;
  headers: Record<string, string>;
  body?: string | Blob | undefined;
};
export type HttpResponse = { status: number; headers: Headers; text: string };

class NotConnected extends Error {}

/** Far more than any JSON of fal. A larger response fails as a broken one. */
const maxResponseBytes = 16 * 1024 * 1024;

export function openTransport({
  baseUrl,
  connectMs,
  onCallStart = () => () => undefined,
}: {
  baseUrl: string | undefined;
  connectMs: number;
  onCallStart?: OnCallStart | undefined;
}) {
  // Marks every failure before the connection is made (DNS, routing, refused connection, TLS), whatever its code.
  const connector = buildConnector({ timeout: connectMs });
  const connect: buildConnector.connector = (options, callback) => {
    connector(options, (...[error, socket]) => {
      if (error) callback(new NotConnected(codeOf(error)), null);
      else callback(null, socket);
    });
  };
  // Each call has timeouts of its own, below; undici's would end a quiet stream.
  const agent = (options: Agent.Options) => new Agent({ connect, headersTimeout: 0, bodyTimeout: 0, ...options });
  const agents = {
    // A new connection for each request: if fal closed a reused one just then, nobody would know whether it took a submit.
    fresh: agent({ pipelining: 0, maxResponseSize: maxResponseBytes }),
    kept: agent({ maxResponseSize: maxResponseBytes }),
    // For streams of any length, each on a connection of its own.
    long: agent({ pipelining: 0 }),
  };
  const closing = new AbortController();
  // Every call in flight adds a listener.
  setMaxListeners(0, closing.signal);

  const route = ({
    url,
    headers,
  }: Pick<HttpRequest, 'url' | 'headers'>): { url: string; headers: Record<string, string> } => {
    const target = new URL(url);
    if (baseUrl === undefined || !isFalHost(target)) return { url, headers };
    const base = new URL(baseUrl);
    return {
      url: `${base.origin}${target.pathname}${target.search}`,
      headers: { ...headers, 'x-fal-sim-host': target.hostname },
    };
  };

  const begin = async (call: HttpRequest, agent: Agent, signal: AbortSignal): Promise<Response> => {
    const { url, headers } = route(call);
    // The client's Blob is Node's; undici's type wants undici's own declaration of the same class.
    const body = (call.body ?? null) as NonNullable<RequestInit['body']> | null;
    const dispatcher: Dispatcher = agent.compose(noBackpressure);
    return fetch(url, { method: call.method, headers, body, redirect: 'manual', dispatcher, signal });
  };

  return {
    closed: closing.signal,

    /** The complete response, of any HTTP status, within `timeoutMs`. Throws NoResponse, or the signal's reason. */
    async send(
      call: HttpRequest,
      {
        name,
        timeoutMs,
        fresh = false,
        signal,
      }: { name: CallName; timeoutMs: number; fresh?: boolean; signal?: AbortSignal | undefined },
    ): Promise<HttpResponse> {
      if (closing.signal.aborted) throw closed(false);
      const scope = abortScope([signal, closing.signal]);
      const timer = setTimeout(
        () => scope.abort(new ResponseTimeout(`fal did not answer in ${timeoutMs} ms`)),
        timeoutMs,
      );
      const endCall = onCallStart(name);
      try {
        const response = await begin(call, fresh ? agents.fresh : agents.kept, scope.signal);
        const text = await response.text();
        endCall({ status: response.status });
        return { status: response.status, headers: new Headers([...response.headers]), text };
      } catch (error) {
        const reason = reasonOf(error, scope.signal, signal);
        endCall({ error: reason });
        throw reason;
      } finally {
        clearTimeout(timer);
        scope.release();
      }
    },

    /**
     * A response that streams. Its headers must arrive within `openMs`. The caller must call `release`, with the error
     * of reading if there was one: that closes the connection. `abort` makes a pending read throw.
     */
    async open(call: HttpRequest, { name, openMs, signal }: { name: CallName; openMs: number; signal: AbortSignal }) {
      const scope = abortScope([signal, closing.signal]);
      const timer = setTimeout(() => scope.abort(new ResponseTimeout(`fal did not answer in ${openMs} ms`)), openMs);
      const endCall = onCallStart(name);
      const closeConnection = (): void => {
        scope.abort(new NoResponse('the stream was closed', true));
        scope.release();
      };
      try {
        const response = await begin(call, agents.long, scope.signal);
        const release = (failure?: unknown): void => {
          const isRead = failure === undefined || response.status !== 200;
          endCall(isRead ? { status: response.status } : { error: reasonOf(failure, scope.signal, signal) });
          closeConnection();
        };
        return { response, release, abort: scope.abort };
      } catch (error) {
        const reason = reasonOf(error, scope.signal, signal);
        endCall({ error: reason });
        closeConnection();
        throw reason;
      } finally {
        clearTimeout(timer);
      }
    },

    /** A file, requested without the key. `idleMs` limits the wait for its headers and each wait between its bytes. */
    async fetchFile(
      url: string,
      { name, idleMs, signal }: { name: CallName; idleMs: number; signal?: AbortSignal | undefined },
    ) {
      const target = route({ url, headers: {} });
      const get = target.url.startsWith('https:') ? getSecure : getPlain;
      const scope = abortScope([signal, closing.signal]);
      const request = get(target.url, { headers: target.headers, agent: false, signal: scope.signal });
      request.once('close', scope.release);
      const endCall = onCallStart(name);
      let timeout: ResponseTimeout | undefined;
      let body: IncomingMessage | undefined;
      // On the socket itself, because the request reports its first timeout only.
      request.once('socket', (socket) => {
        socket.setTimeout(idleMs);
        socket.on('timeout', () => {
          // The reader has bytes to read, so the silence is not fal's. A timer that has fired must be set again.
          if (body?.readableLength) socket.setTimeout(idleMs);
          else request.destroy((timeout = new ResponseTimeout(`fal was silent for ${idleMs} ms`)));
        });
      });
      try {
        [body] = (await once(request, 'response')) as [IncomingMessage];
        // A broken connection emits an error on the request and on the response; without listeners it would end the process.
        request.on('error', () => undefined);
        const response = body;
        let broke: Error | undefined;
        response.on('error', (error) => (broke = error));
        response.once('close', () => {
          const status = response.statusCode ?? 0;
          const failure = timeout ?? (broke && reasonOf(broke, scope.signal, signal));
          endCall(response.complete || status !== 200 ? { status } : { error: failure });
        });
        return { status: body.statusCode ?? 0, headers: body.headers, body };
      } catch (error) {
        const reason = error instanceof NoResponse ? error : reasonOf(error, scope.signal, signal);
        endCall({ error: reason });
        throw reason;
      }
    },

    /** Whether a URL is on `baseUrl`, which stands for all of fal's hosts. */
    isBase: (url: URL): boolean => baseUrl !== undefined && url.origin === new URL(baseUrl).origin,

    async close(): Promise<void> {
      closing.abort(closed(true));
      await Promise.all(Object.values(agents).map(async (agent) => agent.destroy()));
    },
  };
}

export type Transport = ReturnType<typeof openTransport>;

const closed = (sent: boolean) => new NoResponse('the connection to fal was closed', sent, { isClosing: true });

/** The reason of the caller's own abort; NoResponse for everything else. */
function reasonOf(error: unknown, scope: AbortSignal, caller: AbortSignal | undefined): unknown {
  if (caller?.aborted) return caller.reason;
  if (scope.aborted) return scope.reason;
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at instanceof NotConnected) return new NoResponse(`fal could not be reached (${at.message})`, false);
  }
  return new NoResponse(`the connection to fal broke (${codeOf(error)})`, true);
}

/** The error's code alone: its message may quote a header, and with it the key. */
function codeOf(error: unknown): string {
  let code = 'unknown';
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    code = 'code' in at && typeof at.code === 'string' ? at.code : code === 'unknown' ? at.name : code;
  }
  return code;
}
