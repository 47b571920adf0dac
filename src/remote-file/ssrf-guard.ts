/**
 * The guard against server-side request forgery (SSRF): decides which URLs and addresses this server may open for a user.
 * Only https on port 443 to public addresses is allowed; with `allowLoopback` also this machine.
 */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { isLoopbackHost } from '../runtime/loopback.ts';

/** The URL, or an address that it leads to, is not public. A retry does not help. */
export class NotPublic extends Error {
  override name = 'NotPublic';
}

/** Checks the URL itself, without DNS. Throws NotPublic. */
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

/** False for anything that is not an IP address. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0 || !ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast') return false;
  if (!('parts' in parsed)) return true;
  // Outside 2000::/3, "unicast" means unassigned, and includes the IPv4-compatible ::127.0.0.1.
  const [first = 0, , , , fifth = 0, sixth, seventh = 0, eighth = 0] = parsed.parts;
  if (first >> 13 !== 1) return false;
  // An ISATAP address (RFC 5214) ends in an IPv4 address, to which a relay would connect.
  const isIsatap = (fifth & ~0x0200) === 0 && sixth === 0x5efe;
  return !isIsatap || isPublicAddress([seventh >> 8, seventh & 255, eighth >> 8, eighth & 255].join('.'));
}

/** The host name or address, without brackets and without a trailing dot. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
}

/** At least two labels, the last of which begins with a letter, so that no resolver reads it as an address. */
function isPublicName(host: string): boolean {
  if (/(^|\.)(localhost|local|internal|home\.arpa)$/.test(host)) return false;
  return /^([a-z0-9_-]+\.)+[a-z][a-z0-9-]*$/.test(host);
}

/** Also for the names below `localhost`: what they lead to must be a loopback address as well. */
export const isLoopback = (host: string) => isLoopbackHost(host) || (isIP(host) === 0 && host.endsWith('.localhost'));
