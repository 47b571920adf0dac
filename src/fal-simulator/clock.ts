/** The simulator's time. Tests can stop it, so nothing counts ticks: what is due follows from `now`. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves after that time of this clock, or as soon as the signal aborts. Never rejects. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

/** setTimeout's longest delay: a longer one fires at once. */
const longestMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  wait: (ms, signal) =>
    sleep(Math.min(Math.max(ms, 0), longestMs), undefined, { signal, ref: false }).catch(() => undefined),
};

/** A clock that stands still until a test, or POST /__simulator/clock, advances it. */
export interface ManualClock extends Clock {
  /** Moves the time forward and resolves every wait that is due. */
  advance(ms: number): void;
}

export function isManual(clock: Clock): clock is ManualClock {
  return 'advance' in clock;
}

export function manualClock(now = Date.UTC(2026, 0, 1)): ManualClock {
  const waits = new Set<{ until: number; resolve: () => void }>();
  return {
    now: () => now,
    wait: (ms, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const wait = { until: now + ms, resolve: done };
        waits.add(wait);
        signal.addEventListener('abort', done);
        if (ms <= 0) done();
        function done(): void {
          waits.delete(wait);
          signal.removeEventListener('abort', done);
          resolve();
        }
      }),
    advance(ms) {
      now += ms;
      for (const { until, resolve } of waits) if (until <= now) resolve();
    },
  };
}
