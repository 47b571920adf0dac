/**
 * Files at URLs that a user gave (a ZIP, a LoRA, a picture), read so that nobody can look into the network that this
 * server stands in (SSRF): https to public addresses alone, at every redirect, whatever DNS says the next time. By
 * node:http, as undici 7 lets any server end this process: see fal/unpaused.ts.
 */
import { lookup as lookUp } from 'node:dns';
import { once, setMaxListeners } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { type Readable, Transform } from 'node:stream';
import { connect as secure } from 'node:tls';
import ipaddr from 'ipaddr.js';
import { isLoopbackHost } from '../runtime/loopback.ts';

const maxRedirects = 3;
const defaultIdleMs = 30_000;

/** The URL, or where it leads, is none that this server goes to. Trying again does not help. */
export class NotPublic extends Error {
  override name = 'NotPublic';
}

/** The URL may be gone to, and no file came of it, or not all of it. */
export class Unreadable extends Error {
  override name = 'Unreadable';
  /** Whether the same may go well a little later. */
  readonly transient: boolean;

  constructor(message: string, transient: boolean, options?: ErrorOptions) {
    super(message, options);
    this.transient = transient;
  }
}

export type OutsideOptions = {
  /** Takes http and https to this machine too, on any port: for tests and for a simulated fal. */
  allowLoopback: boolean;
  maxBytes: number;
  /** From the call to the end of the body, with its redirects and with the pauses of its reader. */
  timeoutMs: number;
  /** For each step to the answer, and between its bytes. Bytes that wait for their reader are no silence. */
  idleMs?: number;
  signal?: AbortSignal;
  /** In place of the system's DNS, for tests. */
  lookup?: LookupFunction;
};

/** The body has to be read or destroyed: either closes its connection, which serves nothing else. */
export type OutsideFile = { body: Readable; contentType: string | undefined; contentLength: number | undefined };

/** By the URL's own words, without DNS. Throws NotPublic. */
export function assertPublicUrl(url: URL, { allowLoopback }: { allowLoopback: boolean }): void {
  const host = hostOf(url);
  if (url.username !== '' || url.password !== '') {
    throw new NotPublic('A URL with a user name or a password in it is not taken.');
  }
  if (allowLoopback && isLoopback(host) && /^https?:$/.test(url.protocol)) return;
  if (url.protocol !== 'https:') throw new NotPublic(`Only https is taken, not ${url.protocol.slice(0, -1)}.`);
  if (url.port !== '') throw new NotPublic(`Only the port 443 of https is taken, not ${url.port}.`);
  if (isIP(host) !== 0 && !isPublicAddress(host)) throw new NotPublic(`${host} is not a public address.`);
  if (isIP(host) === 0 && !isPublicName(host)) throw new NotPublic(`"${host}" is not a public host name.`);
}

/** False also for what is no address. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0 || !ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast') return false;
  if (!('parts' in parsed)) return true;
  // Outside of 2000::/3, "unicast" is what was never given out, with the IPv4-compatible ::127.0.0.1 in it.
  const [first = 0, , , , fifth = 0, sixth, seventh = 0, eighth = 0] = parsed.parts;
  if (first >> 13 !== 1) return false;
  // ISATAP (RFC 5214) ends in an IPv4 address, which a relay would go to.
  const isIsatap = (fifth & ~0x0200) === 0 && sixth === 0x5efe;
  return !isIsatap || isPublicAddress([seventh >> 8, seventh & 255, eighth >> 8, eighth & 255].join('.'));
}

/** GET, with at most 3 redirects. Throws NotPublic, Unreadable or the signal's reason; the body fails as Unreadable. */
export async function openOutside(url: URL, options: OutsideOptions): Promise<OutsideFile> {
  const scope = openScope(options);
  try {
    const answer = await follow(url, options, scope);
    scope.signal.throwIfAborted();
    const contentType = answer.headers['content-type'];
    const contentLength = lengthOf(answer);
    return { body: counted(answer, options.maxBytes, scope), contentType, contentLength };
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
 * A connection to a URL that was checked, with no byte of ours on it but TLS's own. DNS is asked once, all of its answer
 * has to be fit, and nothing but that answer is connected to: a name that leads elsewhere a moment later gains nothing.
 */
async function dial(
  url: URL,
  { allowLoopback, lookup = lookUp }: OutsideOptions,
  { signal, heard }: Scope,
): Promise<Socket> {
  signal.throwIfAborted();
  const host = hostOf(url);
  // A loopback host leads to loopback, and a public one never, whatever is allowed.
  const isFit = allowLoopback && isLoopback(host) ? isLoopback : isPublicAddress;
  const addresses = isIP(host) === 0 ? await addressesOf(host, lookup, signal) : [host];
  if (!addresses.every(isFit)) throw new NotPublic(`"${host}" leads to an address that is not public.`);
  heard();

  const isSecure = url.protocol === 'https:';
  const socket = connect({
    host,
    port: Number(url.port) || (isSecure ? 443 : 80),
    lookup: pinned(addresses),
    autoSelectFamily: true,
    signal,
  });
  // What breaks later is told by what is made of it; without a listener here it would end the process.
  socket.on('error', () => undefined);
  await once(socket, 'connect', { signal });
  if (socket.remoteAddress === undefined) throw new Unreadable(`The connection to "${host}" is lost.`, true);
  if (!isFit(socket.remoteAddress)) {
    throw new NotPublic(`"${host}" leads to an address that is not public.`);
  }
  heard();
  if (!isSecure) return socket;

  const secured = secure({ socket, host, ...(isIP(host) === 0 && { servername: host }), ALPNProtocols: ['http/1.1'] });
  secured.on('error', () => undefined);
  await once(secured, 'secureConnect', { signal });
  heard();
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

/** DNS for one connection: its answer is there already. */
function pinned(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_host, options, callback) => {
    if (options.all) callback(null, all);
    else callback(null, all[0]?.address ?? '', all[0]?.family);
  };
}

/** The answer's headers. The request carries nothing of the user's, and without an agent its connection is its own. */
async function ask(url: URL, socket: Socket, { signal, heard }: Scope): Promise<IncomingMessage> {
  const asked = get({
    createConnection: () => socket,
    path: `${url.pathname}${url.search}`,
    headers: { host: url.host, accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'Likeness' },
    signal,
  });
  asked.on('error', () => undefined);
  // A 101 is an answer too; left alone, node would close its connection and say nothing.
  const answers = ['response', 'upgrade'].map(async (event) => once(asked, event, { signal }));
  const [answer] = (await Promise.race(answers)) as [IncomingMessage];
  heard();
  return answer;
}

/** Passes the bytes on and fails past `maxBytes`. */
function counted(answer: IncomingMessage, maxBytes: number, scope: Scope): Readable {
  let bytes = 0;
  const out = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      scope.heard();
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
  // Who reads is told by the read; a time limit that ends before that must not end the process.
  out.on('error', () => undefined);
  out.on('drain', scope.heard);
  scope.pausedBy(() => out.writableNeedDrain || answer.complete);
  scope.signal.addEventListener('abort', () => out.destroy(scope.signal.reason as Error), { once: true });
  answer.once('error', (error) => out.destroy(scope.reasonOf(error)));
  return answer.pipe(out);
}

/** One end for all that can end a call before its time: the caller, the time limit, and silence. */
function openScope({ timeoutMs, idleMs = defaultIdleMs, signal }: OutsideOptions) {
  const controller = new AbortController();
  // Each step of each redirect listens.
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
    heard: (): void => void silence.refresh(),
    pausedBy(paused: () => boolean): void {
      isPaused = paused;
    },
    /** Why it really ended: what was aborted tells only that it was. */
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

/** Of a network or a server that is down for now. Others, as a wrong certificate or a name that is none, stay. */
const passing = /^(ECONN(RESET|REFUSED|ABORTED)|ETIMEDOUT|EPIPE|E(HOST|NET)UNREACH|ENETDOWN|EAI_AGAIN)$/;

function broken(cause: unknown): Unreadable {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
  return new Unreadable(`The connection to the file's server failed (${code}).`, passing.test(code), { cause });
}

function tooLarge(maxBytes: number): Unreadable {
  return new Unreadable(`The file is larger than ${maxBytes} bytes.`, false);
}

function lengthOf({ headers }: IncomingMessage): number | undefined {
  const length = headers['content-length'];
  return length === undefined ? undefined : Number(length);
}

/** The name or address, without brackets and without the dot that a name may end in. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
}

/** Of at least two labels, of which the last begins with a letter: no resolver takes it for an address. */
function isPublicName(host: string): boolean {
  if (/(^|\.)(localhost|local|internal|home\.arpa)$/.test(host)) return false;
  return /^([a-z0-9_-]+\.)+[a-z][a-z0-9-]*$/.test(host);
}

/** Also for the names below `localhost`: what they lead to must be a loopback address as well. */
const isLoopback = (host: string) => isLoopbackHost(host) || (isIP(host) === 0 && host.endsWith('.localhost'));
