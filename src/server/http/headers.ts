/** Security headers of every answer, unless it sets its own: no answer is a page, a script or a frame. */
import type { ServerResponse } from 'node:http';

export type Header = readonly [name: string, value: string];

export const securityHeaders = (isHttps: boolean): Header[] => [
  ['content-security-policy', "default-src 'none'; frame-ancestors 'none'"],
  ['x-content-type-options', 'nosniff'],
  ['referrer-policy', 'no-referrer'],
  // Pages of any site may show images of this server: their URLs are signed.
  ['cross-origin-resource-policy', 'cross-origin'],
  ...(isHttps ? [['strict-transport-security', 'max-age=31536000'] as const] : []),
];

export function setHeaders(response: ServerResponse, headers: readonly Header[]): void {
  for (const [name, value] of headers) response.setHeader(name, value);
}
