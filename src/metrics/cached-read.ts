/** A value that costs something to read: read once in a while, by one at a time, and not waited for too long. */
import { within } from '../runtime/timers.ts';

/**
 * Returns the value, `forMs` old at most; undefined when it could not be read, or not within `withinMs`. A read that takes
 * longer goes on, and whoever asks meanwhile waits for that one: asking again and again adds no load.
 */
export function cachedRead<T>(
  read: () => Promise<T>,
  { forMs, withinMs, onFailed }: { forMs: number; withinMs: number; onFailed: (error: unknown) => void },
): () => Promise<T | undefined> {
  let known: { value: T; at: number } | undefined;
  let reading: Promise<T | undefined> | undefined;
  const readOn = async () => {
    try {
      const value = await read();
      known = { value, at: performance.now() };
      return value;
    } catch (error) {
      onFailed(error);
      return undefined;
    } finally {
      reading = undefined;
    }
  };
  return async () => {
    if (known !== undefined && performance.now() - known.at < forMs) return known.value;
    reading ??= readOn();
    return await within(withinMs, reading).catch((error: unknown) => {
      onFailed(error);
      return undefined;
    });
  };
}
