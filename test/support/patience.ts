/**
 * Runs before every test file. A wait for a condition lasts up to a minute where the test names no other time, so that a
 * test passes on a machine that is busy with other work.
 */
import { vi } from 'vitest';

const timeout = 60_000;

type Wait = { timeout?: number; interval?: number };

const { waitFor, waitUntil } = vi;
const isPatient = Symbol.for('likeness.patience');

if (!(isPatient in vi)) {
  Object.assign(vi, { [isPatient]: true });
  vi.waitFor = (check, options) => waitFor(check, withTimeout(options));
  vi.waitUntil = (check, options) => waitUntil(check, withTimeout(options));
}

function withTimeout(options: number | Wait | undefined): number | Wait {
  return typeof options === 'number' ? options : { timeout, ...options };
}
