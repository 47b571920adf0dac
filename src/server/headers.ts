/** What every answer says to browsers, unless it says otherwise: nothing of it is a page, a script or anybody's frame. */
export const securityHeaders = (isHttps: boolean): [name: string, value: string][] => [
  ['content-security-policy', "default-src 'none'; frame-ancestors 'none'"],
  ['x-content-type-options', 'nosniff'],
  ['referrer-policy', 'no-referrer'],
  // Images of this server may stand in pages of any site: their URLs are signed.
  ['cross-origin-resource-policy', 'cross-origin'],
  ...(isHttps ? [['strict-transport-security', 'max-age=31536000'] as [string, string]] : []),
];
