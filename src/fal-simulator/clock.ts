/** Time as the simulator sees it. Tests hold it; what is due at a time is worked out from `now`, never counted. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Ends after that time of this clock, or as soon as the signal aborts; it never rejects. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

/** setTimeout's longest delay: one above it fires at once. */
const longestMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  wait: (ms, signal) =>
    sleep(Math.min(Math.max(ms, 0), longestMs), undefined, { signal, ref: false }).catch(() => undefined),
};
