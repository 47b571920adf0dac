/** URLs that fal reads for us: an avatar's weights, a dataset, a reference image. */
import { z } from 'zod';
import { assertPublicUrl, NotPublic } from '../remote-file/ssrf-guard.ts';

export type FalMode = 'LIVE' | 'SIMULATED';

/**
 * Gives the URL as text. The simulator's own files are on loopback; fal itself is sent to no such place. Where its name
 * leads is looked at before fal is told of it: see url/look.ts.
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
