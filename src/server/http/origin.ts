/**
 * Which requests a browser may have been talked into. The server has no password on loopback, so a page of any other
 * site could otherwise use it through the browser of the person at this machine. A program that is no browser sends
 * neither Origin nor Sec-Fetch-Site, and is not asked for more.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

/**
 * Whether the Host is one that this server goes by. A name that somebody else's DNS points at this machine makes their
 * page same-origin with us (DNS rebinding): so a name has to be ours, while an address, which needs no DNS, may be any.
 */
export function isOwnHost(host: string | undefined, ownNames: readonly string[]): boolean {
  if (host === undefined) return true;
  const name = hostName(host);
  if (name === null) return false;
  return isIP(name) !== 0 || name === 'localhost' || name.endsWith('.localhost') || ownNames.includes(name);
}

/** Whether the request comes from a page of another origin. */
export function isCrossSite(headers: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  const { origin, host } = headers;
  if (origin === undefined) return false;
  return host === undefined || !URL.canParse(origin) || new URL(origin).host !== host.toLowerCase();
}

function hostName(host: string): string | null {
  const url = `http://${host}`;
  return URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, '') : null;
}
