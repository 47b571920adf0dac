/** URLs that fal reads for us: an avatar's weights, a dataset, a reference image. */
import { z } from 'zod';
import { assertPublicUrl, NotPublic } from '../remote-file/ssrf-guard.ts';

export type FalMode = 'LIVE' | 'SIMULATED';

/**
 * Parses a public URL and returns it as text. Only the simulated fal may read from loopback addresses. The address that the
 * host name resolves to is checked later, before the URL is sent to fal: see remote-file/check-content.ts.
 */
export function urlForFal(mode: FalMode) {
  return z
    .instanceof(URL)
    .superRefine((url, { addIssue }) => {
      try {
        assertPublicUrl(url, { allowLoopback: mode === 'SIMULATED' });
      } catch (error) {
        if (!(error instanceof NotPublic)) throw error;
        addIssue({ code: 'custom', message: error.message });
      }
    })
    .transform((url) => url.href);
}
