/** What every answer says to browsers, unless it says otherwise: nothing of it is a page, a script or anybody's frame. */
import type { ServerResponse } from 'node:http';

export type Header = readonly [name: string, value: string];

export const securityHeaders = (isHttps: boolean): Header[] => [
  ['content-security-policy', "default-src 'none'; frame-ancestors 'none'"],
  ['x-content-type-options', 'nosniff'],
  ['referrer-policy', 'no-referrer'],
  // Images of this server may stand in pages of any site: their URLs are signed.
  ['cross-origin-resource-policy', 'cross-origin'],
  ...(isHttps ? [['strict-transport-security', 'max-age=31536000'] as const] : []),
];

export function setHeaders(response: ServerResponse, headers: readonly Header[]): void {
  for (const [name, value] of headers) response.setHeader(name, value);
}
