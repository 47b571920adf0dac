/**
 * Refuses requests that a page of another site makes a browser send. On loopback the server asks for no key, so any page
 * could otherwise use it through the browser of the person at this machine. Other programs send neither Origin nor
 * Sec-Fetch-Site, and pass.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

/**
 * Whether the Host header names this server. A page whose DNS name points at this machine would be same-origin with the
 * server (DNS rebinding). So a name has to be one of `ownNames`; an address needs no DNS, and any address will do.
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
