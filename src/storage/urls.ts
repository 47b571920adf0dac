/** URLs of our files: signed, expiring, minted per read. Whoever has one may read that file until it expires. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Database } from '../database/client.ts';
import { secretNamed } from '../database/secret.ts';

export interface SignedUrls {
  /**
   * An absolute URL for one path and its parameters, good for one hour: 55 minutes at the least, because URLs that are
   * minted within the same 5 minutes are equal, so that browsers can cache what they lead to.
   */
  sign(path: string, parameters?: Record<string, string>): URL;
  /** Whether this server signed exactly this path with exactly these parameters, and not too long ago. */
  verify(url: URL): 'OK' | 'EXPIRED' | 'FORGED';
}

const minuteMs = 60_000;

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
  const key = await secretNamed(prisma, 'url-signing-key');
  const signature = (path: string, parameters: URLSearchParams) => {
    const signed = new URLSearchParams(parameters);
    signed.sort();
    return createHmac('sha256', key).update(`${path}?${signed}`).digest('base64url');
  };
  return {
    sign(path, parameters = {}) {
      const expiresAt = Math.ceil((now().getTime() + 55 * minuteMs) / (5 * minuteMs)) * 5 * minuteMs;
      const search = new URLSearchParams({ ...parameters, expires: String(expiresAt / 1000) });
      search.set('signature', signature(path, search));
      return new URL(`${baseUrl()}${path}?${search}`);
    },
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
