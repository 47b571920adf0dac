/** A clock that stands still until it is moved on: by a test, or over HTTP. */
import type { Clock } from './clock.ts';

export interface HeldClock extends Clock {
  /** Moves on and wakes everyone whose time has come. */
  advance(ms: number): void;
}

export function isHeld(clock: Clock): clock is HeldClock {
  return 'advance' in clock;
}

export function heldClock(now = Date.UTC(2026, 0, 1)): HeldClock {
  const waiting = new Set<{ until: number; wake: () => void }>();
  return {
    now: () => now,
    wait: (ms, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const waiter = { until: now + ms, wake: done };
        waiting.add(waiter);
        signal.addEventListener('abort', done);
        if (ms <= 0) done();
        function done(): void {
          waiting.delete(waiter);
          signal.removeEventListener('abort', done);
          resolve();
        }
      }),
    advance(ms) {
      now += ms;
      for (const { until, wake } of waiting) if (until <= now) wake();
    },
  };
}
