/** What makes two calls the same call. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Idempotency } from './start.ts';

/** Opaque text of the caller's choice. */
export const idempotencyKey = z
  .string()
  .min(1, 'An idempotency key has 1 to 200 characters.')
  .max(200, 'An idempotency key has 1 to 200 characters.')
  .regex(/^\P{Cc}*$/u, 'An idempotency key has no control characters.');

/**
 * The key with a digest of what it came with: the mutation and its input without the key, defaults filled in. The order
 * of the input's fields does not matter, and a null is as if it were not there. Undefined when there is no key.
 */
export function idempotencyOf(
  mutation: string,
  key: string | null | undefined,
  input: Record<string, unknown>,
): Idempotency | undefined {
  if (key === null || key === undefined) return undefined;
  return {
    key,
    hash: createHash('sha256')
      .update(canonical([mutation, input]))
      .digest('hex'),
  };
}

/** JSON with the fields of each object in the order of their names, without those that are null. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    const fields = Object.entries(part).filter(([, field]) => field !== null && field !== undefined);
    return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
