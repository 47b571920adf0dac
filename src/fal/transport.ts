/**
 * HTTP to fal: sockets, timeouts and where fal's hosts are. What it throws tells one thing that matters: whether the
 * request can have reached fal. It never repeats a request and follows no redirect.
 */
import { once, setMaxListeners } from 'node:events';
import { get as getPlain, type IncomingMessage } from 'node:http';
import { get as getSecure } from 'node:https';
import { Agent, buildConnector, type Dispatcher, fetch, type RequestInit, type Response } from 'undici';
import type { CallName, See } from './calls.ts';
import { isFalHost } from './hosts.ts';
import { unpaused } from './unpaused.ts';

export type Call = { url: string; method: string; headers: Record<string, string>; body?: string | Blob | undefined };
export type Answer = { status: number; headers: Headers; text: string };

/**
 * No whole answer came. Without a `code` or a `cause`: the fal client walks both to decide on sending again by itself.
 */
export class Unanswered extends Error {
  override name = 'Unanswered';
  /** False when no connection came about, so that nothing left this machine. */
  readonly sent: boolean;
  /** Whether this server gave the call up itself, as it closes. */
  readonly isOwnDoing: boolean;

  constructor(message: string, sent: boolean, { isOwnDoing = false } = {}) {
    super(message);
    this.sent = sent;
    this.isOwnDoing = isOwnDoing;
  }
}

/** fal took longer than it was given. */
export class Late extends Unanswered {
  constructor(message: string) {
    super(message, true);
  }
}

class NotConnected extends Error {}

/** Far more than any JSON that fal gives; a larger answer is cut off as a broken one. */
const maxAnswerBytes = 16 * 1024 * 1024;

export function openTransport({
  baseUrl,
  connectMs,
  see = () => () => undefined,
}: {
  baseUrl: string | undefined;
  connectMs: number;
  /** Sees every call. */
  see?: See;
}) {
  // Everything that fails before a connection stands (name, route, refusal, TLS) is branded, whatever its code.
  const connector = buildConnector({ timeout: connectMs });
  const connect: buildConnector.connector = (options, callback) => {
    connector(options, (...[error, socket]) => {
      if (error) callback(new NotConnected(codeOf(error)), null);
      else callback(null, socket);
    });
  };
  // The timeouts are per call, below; undici's own would cut a quiet stream.
  const agent = (options: Agent.Options) => new Agent({ connect, headersTimeout: 0, bodyTimeout: 0, ...options });
  const agents = {
    // A connection for each: fal closing a kept one just as a submit leaves would make its fate unknown.
    fresh: agent({ pipelining: 0, maxResponseSize: maxAnswerBytes }),
    kept: agent({ maxResponseSize: maxAnswerBytes }),
    // Streams, of any length. Their connection goes when they are left or done.
    long: agent({ pipelining: 0 }),
  };
  const closing = new AbortController();
  // Each call under way listens, however many there are.
  setMaxListeners(0, closing.signal);

  const route = ({ url, headers }: Call): { url: string; headers: Record<string, string> } => {
    const target = new URL(url);
    if (baseUrl === undefined || !isFalHost(target)) return { url, headers };
    const base = new URL(baseUrl);
    return {
      url: `${base.origin}${target.pathname}${target.search}`,
      headers: { ...headers, 'x-fal-sim-host': target.hostname },
    };
  };

  const begin = async (call: Call, agent: Agent, signal: AbortSignal): Promise<Response> => {
    const { url, headers } = route(call);
    // The client's Blob is Node's own, and undici's type asks for its own declaration of the same.
    const body = (call.body ?? null) as NonNullable<RequestInit['body']> | null;
    const dispatcher: Dispatcher = agent.compose(unpaused);
    return fetch(url, { method: call.method, headers, body, redirect: 'manual', dispatcher, signal });
  };

  return {
    closed: closing.signal,

    /** The whole answer, of any HTTP status, within `timeoutMs`. Throws Unanswered, or the signal's reason. */
    async send(
      call: Call,
      {
        name,
        timeoutMs,
        fresh = false,
        signal,
      }: { name: CallName; timeoutMs: number; fresh?: boolean; signal?: AbortSignal | undefined },
    ): Promise<Answer> {
      if (closing.signal.aborted) throw closed(false);
      const scope = abortScope([signal, closing.signal]);
      const timer = setTimeout(() => scope.abort(new Late(`fal did not answer in ${timeoutMs} ms`)), timeoutMs);
      const seen = see(name);
      try {
        const response = await begin(call, fresh ? agents.fresh : agents.kept, scope.signal);
        const text = await response.text();
        seen({ status: response.status });
        return { status: response.status, headers: new Headers([...response.headers]), text };
      } catch (error) {
        const reason = reasonOf(error, scope.signal, signal);
        seen({ error: reason });
        throw reason;
      } finally {
        clearTimeout(timer);
        scope.release();
      }
    },

    /**
     * An answer whose body goes on. The headers must come within `openMs`. The caller calls `release` when done with
     * it, with what reading it threw, which closes the connection; `abort` makes a pending read throw.
     */
    async open(call: Call, { name, openMs, signal }: { name: CallName; openMs: number; signal: AbortSignal }) {
      const scope = abortScope([signal, closing.signal]);
      const timer = setTimeout(() => scope.abort(new Late(`fal did not answer in ${openMs} ms`)), openMs);
      const seen = see(name);
      const leave = (): void => {
        scope.abort(new Unanswered('left', true));
        scope.release();
      };
      try {
        const response = await begin(call, agents.long, scope.signal);
        const release = (failure?: unknown): void => {
          const isRead = failure === undefined || response.status !== 200;
          seen(isRead ? { status: response.status } : { error: reasonOf(failure, scope.signal, signal) });
          leave();
        };
        return { response, release, abort: scope.abort };
      } catch (error) {
        const reason = reasonOf(error, scope.signal, signal);
        seen({ error: reason });
        leave();
        throw reason;
      } finally {
        clearTimeout(timer);
      }
    },

    /** A file, without the key. `idleMs` bounds the wait for its headers and for each of its bytes. */
    async fetchFile(
      url: string,
      { name, idleMs, signal }: { name: CallName; idleMs: number; signal?: AbortSignal | undefined },
    ) {
      const target = route({ url, method: 'GET', headers: {} });
      const get = target.url.startsWith('https:') ? getSecure : getPlain;
      const scope = abortScope([signal, closing.signal]);
      const asked = get(target.url, { headers: target.headers, agent: false, signal: scope.signal });
      asked.once('close', scope.release);
      const seen = see(name);
      let late: Late | undefined;
      let body: IncomingMessage | undefined;
      // At the socket itself: the request tells of its first timeout alone.
      asked.once('socket', (socket) => {
        socket.setTimeout(idleMs);
        socket.on('timeout', () => {
          // Unread bytes: it is not fal who is waited for. The timer rests once it has rung, and is wound up again.
          if (body?.readableLength) socket.setTimeout(idleMs);
          else asked.destroy((late = new Late(`fal was silent for ${idleMs} ms`)));
        });
      });
      try {
        [body] = (await once(asked, 'response')) as [IncomingMessage];
        // A connection that breaks is told by both; without a listener on each it would end the process.
        asked.on('error', () => undefined);
        const answer = body;
        let broke: Error | undefined;
        answer.on('error', (error) => (broke = error));
        answer.once('close', () => {
          const status = answer.statusCode ?? 0;
          const failure = late ?? (broke && reasonOf(broke, scope.signal, signal));
          seen(answer.complete || status !== 200 ? { status } : { error: failure });
        });
        return { status: body.statusCode ?? 0, headers: body.headers, body };
      } catch (error) {
        const reason = error instanceof Unanswered ? error : reasonOf(error, scope.signal, signal);
        seen({ error: reason });
        throw reason;
      }
    },

    /** Whether a URL is on the origin that stands for all of fal's hosts. */
    isBase: (url: URL): boolean => baseUrl !== undefined && url.origin === new URL(baseUrl).origin,

    async close(): Promise<void> {
      closing.abort(closed(true));
      await Promise.all(Object.values(agents).map(async (agent) => agent.destroy()));
    },
  };
}

export type Transport = ReturnType<typeof openTransport>;

const closed = (sent: boolean) => new Unanswered('the connection to fal was closed', sent, { isOwnDoing: true });

/** One abort for several signals, which can let go of them: AbortSignal.any keeps hold in Node 20. */
export function abortScope(signals: readonly (AbortSignal | undefined)[]) {
  const controller = new AbortController();
  const abort = (reason: unknown): void => controller.abort(reason);
  const watched = signals
    .filter((signal) => signal !== undefined)
    .map((signal) => ({ signal, onAbort: (): void => abort(signal.reason) }));
  for (const { signal, onAbort } of watched) {
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  }
  return {
    signal: controller.signal,
    abort,
    release(): void {
      for (const { signal, onAbort } of watched) signal.removeEventListener('abort', onAbort);
    },
  };
}

/** The caller's own abort as it gave it; everything else as Unanswered. */
function reasonOf(error: unknown, scope: AbortSignal, caller: AbortSignal | undefined): unknown {
  if (caller?.aborted) return caller.reason;
  if (scope.aborted) return scope.reason;
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at instanceof NotConnected) return new Unanswered(`fal could not be reached (${at.message})`, false);
  }
  return new Unanswered(`the connection to fal broke (${codeOf(error)})`, true);
}

/** The name of what happened and nothing more: an error's own message may quote a header, and with it the key. */
function codeOf(error: unknown): string {
  let code = 'unknown';
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    code = 'code' in at && typeof at.code === 'string' ? at.code : code === 'unknown' ? at.name : code;
  }
  return code;
}
