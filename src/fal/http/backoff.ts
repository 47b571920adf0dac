/** Waiting between attempts. Time and chance are parameters, so that tests control both. */
import { setTimeout as delay } from 'node:timers/promises';

/** Resolves after `ms`, or at once when the signal aborts. Never rejects. */
export type Sleep = (ms: number, signal?: AbortSignal) => Promise<void>;

export const sleep: Sleep = async (ms, signal) => {
  await delay(ms, undefined, signal ? { signal } : {}).catch(() => undefined);
};

/** `jitter` is the greatest part of a pause that chance takes off, from 0 to 1. */
export type Backoff = { firstMs: number; maxMs: number; jitter?: number };

/** Exponential back-off: doubles from `firstMs` with each failure up to `maxMs`, less the jitter. */
export function backoffMs(failures: number, { firstMs, maxMs, jitter = 0.5 }: Backoff, random: () => number): number {
  const fullMs = Math.min(firstMs * 2 ** Math.max(failures - 1, 0), maxMs);
  return Math.round(fullMs * (1 - jitter + jitter * random()));
}

/** Reads a Retry-After header: seconds, or an HTTP date. */
export function retryAfterMs(header: string | null, nowMs: number): number | undefined {
  if (header === null || header.trim() === '') return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(Math.round(seconds * 1000), 0);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(at - nowMs, 0);
}
