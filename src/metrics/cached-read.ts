/** Caches a costly read for a short time, so that repeated calls add no load. */
import { within } from '../runtime/timers.ts';

/**
 * Returns a function that resolves to the value, `forMs` old at most. Concurrent calls share one read. A call resolves to
 * undefined when the read fails or takes longer than `withinMs`; such a slow read continues, and later calls wait for it
 * instead of starting another.
 */
export function cachedRead<T>(
  read: () => Promise<T>,
  { forMs, withinMs, onFailed }: { forMs: number; withinMs: number; onFailed: (error: unknown) => void },
): () => Promise<T | undefined> {
  let cached: { value: T; at: number } | undefined;
  let reading: Promise<T | undefined> | undefined;
  const readOnce = async () => {
    try {
      const value = await read();
      cached = { value, at: performance.now() };
      return value;
    } catch (error) {
      onFailed(error);
      return undefined;
    } finally {
      reading = undefined;
    }
  };
  return async () => {
    if (cached !== undefined && performance.now() - cached.at < forMs) return cached.value;
    reading ??= readOnce();
    return await within(withinMs, reading).catch((error: unknown) => {
      onFailed(error);
      return undefined;
    });
  };
}
