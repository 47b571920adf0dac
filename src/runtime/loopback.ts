/** Which hosts can be reached from this machine alone. */
import ipaddr from 'ipaddr.js';

/** 127.0.0.0/8 or ::1. */
export const isLoopbackAddress = (address: string) =>
  ipaddr.isValid(address) && ipaddr.parse(address).range() === 'loopback';

/** A loopback address or `localhost`, as a URL or a setting has it: an IPv6 address may be in brackets. */
export function isLoopbackHost(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '');
  return name === 'localhost' || isLoopbackAddress(name);
}
