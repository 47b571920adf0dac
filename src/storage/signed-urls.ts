/** URLs of our files: signed, expiring, minted per read. Whoever has one may read that file until it expires. */
import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import type { Database } from '../database/client.ts';
import { installationSecret } from '../database/installation-secret.ts';

export interface SignedUrls {
  /**
   * An absolute URL for one path and its parameters, good for one hour: 55 minutes at the least, because URLs that are
   * minted within the same 5 minutes are equal, so that browsers can cache what they lead to.
   */
  sign(path: string, parameters?: Record<string, string>): URL;
  /** The same as a text, which costs less: a page has a hundred of them. */
  signedHref(path: string, parameters?: Record<string, string>): string;
  /** Whether this server signed exactly this path with exactly these parameters, and not too long ago. */
  verify(url: URL): 'OK' | 'EXPIRED' | 'FORGED';
}

const minuteMs = 60_000;

/** Those of the current 5 minutes are kept: pages are read again, and a signature costs more than all else of a picture. */
const mostKept = 10_000;

export async function openSignedUrls({
  prisma,
  baseUrl,
  now,
}: {
  prisma: Database;
  /** Where clients reach this server, without a slash at the end. Asked at each signing: a port is only known once it listens. */
  baseUrl: () => string;
  now: () => Date;
}): Promise<SignedUrls> {
  const key = createSecretKey(await installationSecret(prisma, 'url-signing-key'));
  const signature = (path: string, parameters: URLSearchParams) => {
    const signed = new URLSearchParams(parameters);
    signed.sort();
    return createHmac('sha256', key).update(`${path}?${signed}`).digest('base64url');
  };
  let kept = new Map<string, string>();
  let keptUntil = 0;
  const queryOf = (path: string, parameters: Record<string, string>, expiresAt: number) => {
    const search = new URLSearchParams({ ...parameters, expires: String(expiresAt / 1000) });
    search.set('signature', signature(path, search));
    return search.toString();
  };
  const keep = (asked: string, query: string, expiresAt: number) => {
    if (expiresAt !== keptUntil || kept.size >= mostKept) kept = new Map();
    keptUntil = expiresAt;
    kept.set(asked, query);
    return query;
  };
  const signedHref: SignedUrls['signedHref'] = (path, parameters = {}) => {
    const expiresAt = Math.ceil((now().getTime() + 55 * minuteMs) / (5 * minuteMs)) * 5 * minuteMs;
    const asked = Object.keys(parameters).length === 0 ? path : `${path}?${JSON.stringify(parameters)}`;
    const known = expiresAt === keptUntil ? kept.get(asked) : undefined;
    return `${baseUrl()}${path}?${known ?? keep(asked, queryOf(path, parameters, expiresAt), expiresAt)}`;
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
