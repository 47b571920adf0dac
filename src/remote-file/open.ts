/**
 * Opens files at URLs of users (a ZIP, a LoRA, a picture). The SSRF guard checks the URL, every redirect, and the addresses
 * that DNS returns; the connection goes to exactly those addresses. It uses node:http, because undici 7 would let any server
 * end this process: see fal/http/no-backpressure.ts.
 */
import { lookup as lookUp } from 'node:dns';
import { once, setMaxListeners } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { type Readable, Transform } from 'node:stream';
import { connect as secure } from 'node:tls';
import { assertPublicUrl, hostOf, isLoopback, isPublicAddress, NotPublic } from './ssrf-guard.ts';

const maxRedirects = 3;
const defaultIdleMs = 30_000;

/** The URL is allowed, but its file could not be read completely. */
export class Unreadable extends Error {
  override name = 'Unreadable';
  /** Whether a retry may succeed. */
  readonly transient: boolean;

  constructor(message: string, transient: boolean, options?: ErrorOptions) {
    super(message, options);
    this.transient = transient;
  }
}

export type OutsideOptions = {
  /** Also allows http and https to this machine, on any port: for tests and the simulated fal. */
  allowLoopback: boolean;
  maxBytes: number;
  /** From the call to the end of the body, including redirects and the reader's pauses. */
  timeoutMs: number;
  /** For each step up to the response, and between its bytes. Unread bytes stop the timer. */
  idleMs?: number;
  signal?: AbortSignal;
  /** Replaces the system's DNS in tests. */
  lookup?: LookupFunction;
};

/** The caller must read or destroy the body, which closes the connection. */
export type OutsideFile = { body: Readable; contentType: string | undefined; contentLength: number | undefined };

/** GET, with at most 3 redirects. Throws NotPublic, Unreadable or the signal's reason; the body fails as Unreadable. */
export async function openOutside(url: URL, options: OutsideOptions): Promise<OutsideFile> {
  const scope = openScope(options);
  try {
    const answer = await follow(url, options, scope);
    scope.signal.throwIfAborted();
    const contentType = answer.headers['content-type'];
    const contentLength = lengthOf(answer);
    return { body: limitSize(answer, options.maxBytes, scope), contentType, contentLength };
  } catch (error) {
    const reason = scope.reasonOf(error);
    scope.abort(reason);
    scope.release();
    throw reason;
  }
}

async function follow(url: URL, options: OutsideOptions, scope: Scope): Promise<IncomingMessage> {
  let at = url;
  for (let redirects = 0; redirects <= maxRedirects; redirects += 1) {
    assertPublicUrl(at, options);
    const answer = await ask(at, await dial(at, options, scope), scope);
    const { statusCode: status = 0, headers } = answer;
    if ([301, 302, 303, 307, 308].includes(status) && headers.location !== undefined) {
      answer.destroy();
      if (!URL.canParse(headers.location, at.href)) throw new Unreadable('The file is redirected to no URL.', false);
      at = new URL(headers.location, at);
      continue;
    }
    if (status !== 200) {
      throw new Unreadable(
        `The server of the file answered ${status}.`,
        status >= 500 || [408, 425, 429].includes(status),
      );
    }
    if ((lengthOf(answer) ?? 0) > options.maxBytes) throw tooLarge(options.maxBytes);
    return answer;
  }
  throw new Unreadable(`The file is redirected more than ${maxRedirects} times.`, false);
}

/**
 * Connects to a URL that passed the guard, before any byte of the request is sent. Looks the name up once, requires every
 * address to be allowed, and connects to these addresses only, so that a later DNS change (DNS rebinding) has no effect.
 */
async function dial(
  url: URL,
  { allowLoopback, lookup = lookUp }: OutsideOptions,
  { signal, resetIdleTimer }: Scope,
): Promise<Socket> {
  signal.throwIfAborted();
  const host = hostOf(url);
  // A loopback name must resolve to loopback; a public name must never do so.
  const isAllowed = allowLoopback && isLoopback(host) ? isLoopback : isPublicAddress;
  const addresses = isIP(host) === 0 ? await addressesOf(host, lookup, signal) : [host];
  if (!addresses.every(isAllowed)) throw new NotPublic(`"${host}" leads to an address that is not public.`);
  resetIdleTimer();

  const isSecure = url.protocol === 'https:';
  const socket = connect({
    host,
    port: Number(url.port) || (isSecure ? 443 : 80),
    lookup: checkedLookup(addresses),
    autoSelectFamily: true,
    signal,
  });
  // Later errors also reach the request; without a listener here they would end the process.
  socket.on('error', () => undefined);
  await once(socket, 'connect', { signal });
  if (socket.remoteAddress === undefined) throw new Unreadable(`The connection to "${host}" is lost.`, true);
  if (!isAllowed(socket.remoteAddress)) {
    throw new NotPublic(`"${host}" leads to an address that is not public.`);
  }
  resetIdleTimer();
  if (!isSecure) return socket;

  const secured = secure({ socket, host, ...(isIP(host) === 0 && { servername: host }), ALPNProtocols: ['http/1.1'] });
  secured.on('error', () => undefined);
  await once(secured, 'secureConnect', { signal });
  resetIdleTimer();
  return secured;
}

async function addressesOf(host: string, lookup: LookupFunction, signal: AbortSignal): Promise<string[]> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    lookup(host, { all: true }, (error, found) => {
      const addresses = typeof found === 'string' ? [found] : (found ?? []).map(({ address }) => address);
      if (error) reject(error);
      else if (addresses.length === 0) reject(new Unreadable(`"${host}" has no address.`, false));
      else resolve(addresses);
    });
  });
}

/** A lookup function that returns the checked addresses. */
function checkedLookup(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_host, options, callback) => {
    if (options.all) callback(null, all);
    else callback(null, all[0]?.address ?? '', all[0]?.family);
  };
}

/** Sends the request and resolves with the response. The request holds nothing of the user but the URL. */
async function ask(url: URL, socket: Socket, { signal, resetIdleTimer }: Scope): Promise<IncomingMessage> {
  const asked = get({
    createConnection: () => socket,
    path: `${url.pathname}${url.search}`,
    headers: { host: url.host, accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'Likeness' },
    signal,
  });
  asked.on('error', () => undefined);
  // A 101 is a response too; without a listener node closes the connection silently.
  const answers = ['response', 'upgrade'].map(async (event) => once(asked, event, { signal }));
  const [answer] = (await Promise.race(answers)) as [IncomingMessage];
  resetIdleTimer();
  return answer;
}

/** Passes the bytes on, and fails after `maxBytes`. */
function limitSize(answer: IncomingMessage, maxBytes: number, scope: Scope): Readable {
  let bytes = 0;
  const out = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      scope.resetIdleTimer();
      bytes += chunk.length;
      if (bytes > maxBytes) done(tooLarge(maxBytes));
      else done(null, chunk);
    },
    destroy(error, done) {
      scope.release();
      answer.destroy();
      done(error);
    },
  });
  // Reading throws the error. A timeout before the first read must not end the process.
  out.on('error', () => undefined);
  out.on('drain', scope.resetIdleTimer);
  scope.pausedBy(() => out.writableNeedDrain || answer.complete);
  scope.signal.addEventListener('abort', () => out.destroy(scope.signal.reason as Error), { once: true });
  answer.once('error', (error) => out.destroy(scope.reasonOf(error)));
  return answer.pipe(out);
}

/** One abort signal for the caller, the time limit and the idle timeout. */
function openScope({ timeoutMs, idleMs = defaultIdleMs, signal }: OutsideOptions) {
  const controller = new AbortController();
  // Every step of every redirect adds a listener.
  setMaxListeners(0, controller.signal);
  const abort = (reason: unknown): void => controller.abort(reason);
  const whole = setTimeout(
    () => abort(new Unreadable(`The file was not read whole in ${timeoutMs} ms.`, true)),
    timeoutMs,
  );
  let isPaused: (() => boolean) | undefined;
  const silence = setTimeout(() => {
    if (isPaused?.()) silence.refresh();
    else abort(new Unreadable(`The server of the file was silent for ${idleMs} ms.`, true));
  }, idleMs);
  const onAbort = (): void => abort(signal?.reason);
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  return {
    signal: controller.signal,
    abort,
    resetIdleTimer: (): void => void silence.refresh(),
    pausedBy(paused: () => boolean): void {
      isPaused = paused;
    },
    /** The reason of the abort, if it was aborted; else the error. */
    reasonOf(error: unknown): Error {
      if (controller.signal.aborted) return controller.signal.reason as Error;
      return error instanceof NotPublic || error instanceof Unreadable ? error : broken(error);
    },
    release(): void {
      clearTimeout(whole);
      clearTimeout(silence);
      signal?.removeEventListener('abort', onAbort);
    },
  };
}

type Scope = ReturnType<typeof openScope>;

/** Codes of temporary network errors. Others, such as a bad certificate or an unknown name, are permanent. */
const transientCodes = /^(ECONN(RESET|REFUSED|ABORTED)|ETIMEDOUT|EPIPE|E(HOST|NET)UNREACH|ENETDOWN|EAI_AGAIN)$/;

function broken(cause: unknown): Unreadable {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
  return new Unreadable(`The connection to the file's server failed (${code}).`, transientCodes.test(code), { cause });
}

function tooLarge(maxBytes: number): Unreadable {
  return new Unreadable(`The file is larger than ${maxBytes} bytes.`, false);
}

function lengthOf({ headers }: IncomingMessage): number | undefined {
  const length = headers['content-length'];
  return length === undefined ? undefined : Number(length);
}
