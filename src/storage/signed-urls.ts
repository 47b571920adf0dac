/** Signed URLs of files. Anyone with the URL may read the file until the URL expires. */
import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import type { Database } from '../database/client.ts';
import { installationSecret } from '../database/installation-secret.ts';

export interface SignedUrls {
  /**
   * An absolute URL for a path and its parameters, valid for 55 to 60 minutes. URLs that are signed within the same
   * 5 minutes are equal, so that browsers can cache the file.
   */
  sign(path: string, parameters?: Record<string, string>): URL;
  /** The same as a string, which is cheaper: a page has a hundred of them. */
  signedHref(path: string, parameters?: Record<string, string>): string;
  /** Whether this server signed exactly this path with exactly these parameters, and whether the URL is still valid. */
  verify(url: URL): 'OK' | 'EXPIRED' | 'FORGED';
}

const minLifetimeMs = 55 * 60_000;
/** URLs signed within one period expire together, at the end of a period, and are equal. */
const signaturePeriodMs = 5 * 60_000;

/** Signatures of the current period are cached: pages are read again, and a signature costs more than the rest of a picture. */
const maxCached = 10_000;

export async function openSignedUrls({
  prisma,
  baseUrl,
  now,
}: {
  prisma: Database;
  /** Where clients reach this server, without a slash at the end. Called at each signing: the port is known only once the server listens. */
  baseUrl: () => string;
  now: () => Date;
}): Promise<SignedUrls> {
  const key = createSecretKey(await installationSecret(prisma, 'url-signing-key'));
  const signature = (path: string, parameters: URLSearchParams) => {
    const signed = new URLSearchParams(parameters);
    signed.sort();
    return createHmac('sha256', key).update(`${path}?${signed}`).digest('base64url');
  };
  let cache = new Map<string, string>();
  let cacheExpiresAt = 0;
  const queryOf = (path: string, parameters: Record<string, string>, expiresAt: number) => {
    const search = new URLSearchParams({ ...parameters, expires: String(expiresAt / 1000) });
    search.set('signature', signature(path, search));
    return search.toString();
  };
  const remember = (request: string, query: string, expiresAt: number) => {
    if (expiresAt !== cacheExpiresAt || cache.size >= maxCached) cache = new Map();
    cacheExpiresAt = expiresAt;
    cache.set(request, query);
    return query;
  };
  const signedHref: SignedUrls['signedHref'] = (path, parameters = {}) => {
    const expiresAt = Math.ceil((now().getTime() + minLifetimeMs) / signaturePeriodMs) * signaturePeriodMs;
    const request = Object.keys(parameters).length === 0 ? path : `${path}?${JSON.stringify(parameters)}`;
    const known = expiresAt === cacheExpiresAt ? cache.get(request) : undefined;
    return `${baseUrl()}${path}?${known ?? remember(request, queryOf(path, parameters, expiresAt), expiresAt)}`;
  };
  return {
    signedHref,
    sign: (path, parameters) => new URL(signedHref(path, parameters)),
    verify(url) {
      const search = new URLSearchParams(url.search);
      const given = Buffer.from(search.get('signature') ?? '');
      search.delete('signature');
      const expected = Buffer.from(signature(url.pathname, search));
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) return 'FORGED';
      return expiresAt(url) > now() ? 'OK' : 'EXPIRED';
    },
  };
}

/** When a signed URL expires. */
export const expiresAt = (url: URL) => new Date(Number(url.searchParams.get('expires')) * 1000);
