/** URLs that fal reads for us: an avatar's weights, a dataset, a reference image. This server never opens them. */
import { z } from 'zod';

export type FalMode = 'LIVE' | 'SIMULATED';

/** Gives the URL as text. http is for the simulator alone, whose own files are served on loopback. */
export function urlForFal(mode: FalMode) {
  const protocols = mode === 'LIVE' ? ['https:'] : ['https:', 'http:'];
  return z
    .instanceof(URL)
    .refine((url) => protocols.includes(url.protocol), 'fal reads https URLs only.')
    .refine((url) => url.username === '' && url.password === '', 'A URL for fal holds no user name or password.')
    .transform((url) => url.href);
}
