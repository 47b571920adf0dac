/** Waiting between attempts. Time and chance are parameters, so that a test holds both. */
import { setTimeout as delay } from 'node:timers/promises';

/** Resolves after that long, or at once when the signal aborts; never rejects. */
export type Sleep = (ms: number, signal?: AbortSignal) => Promise<void>;

export const sleep: Sleep = async (ms, signal) => {
  await delay(ms, undefined, signal ? { signal } : {}).catch(() => undefined);
};

/** Doubles from `firstMs` with each failure up to `mostMs`; the upper half of it is left to chance. */
export function backoffMs(
  failures: number,
  { firstMs, mostMs }: { firstMs: number; mostMs: number },
  random: () => number,
): number {
  const fullMs = Math.min(firstMs * 2 ** Math.max(failures - 1, 0), mostMs);
  return Math.round(fullMs * (0.5 + random() / 2));
}

/** Retry-After: seconds, or an HTTP date. */
export function retryAfterMs(header: string | null, nowMs: number): number | undefined {
  if (header === null || header.trim() === '') return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(Math.round(seconds * 1000), 0);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(at - nowMs, 0);
}
