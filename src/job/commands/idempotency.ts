/** Idempotency keys: when two calls with the same key are the same call. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { isStorable } from '../../database/storable-text.ts';
import { parseInput } from '../../refusal/invalid-input.ts';
import type { Idempotency } from './start-job.ts';

/** A key that the client chooses for one attempt, so that repeating the call starts nothing new. */
export const idempotencyKey = z
  .string()
  .refine((key) => key.length >= 1 && key.length <= 200 && isStorable(key), 'Takes 1 to 200 characters of text.');

/**
 * The key with a digest of the mutation's name and input. In the digest, the order of fields does not matter, and null
 * equals a missing field. Undefined without a key. Throws InvalidInputError.
 */
export function idempotencyOf(
  mutation: string,
  key: string | null | undefined,
  input: Record<string, unknown>,
): Idempotency | undefined {
  if (key === null || key === undefined) return undefined;
  parseInput(z.object({ idempotencyKey }), { idempotencyKey: key });
  const hash = createHash('sha256').update(canonical({ mutation, input })).digest('hex');
  return { key, hash };
}

/** JSON with sorted keys and without nulls. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (part === null) return undefined;
    if (typeof part !== 'object' || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
