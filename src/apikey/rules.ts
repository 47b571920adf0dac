/** Pure: what an API key may be called and may do. */
import { z } from 'zod';
import { parseInput } from '../refusal/refusal.ts';

const scopes = ['READ', 'WRITE', 'ADMIN', 'ACT_AS'] as const;
export const maxNameLength = 100;

const newKey = (now: Date) =>
  z.object({
    name: z
      .string()
      .trim()
      .min(1, 'Give the key a name.')
      .max(maxNameLength, `Takes 1 to ${maxNameLength} characters.`)
      .regex(/^\P{Cc}*$/u, 'Holds a control character.'),
    scopes: z
      .array(z.enum(scopes))
      .min(1, 'Give the key one scope at the least.')
      .transform((given) => [...new Set(given)]),
    expiresAt: z
      .date()
      .nullish()
      .refine((at) => at == null || at > now, 'Must be in the future.'),
  });

export type NewApiKey = z.output<ReturnType<typeof newKey>>;

/** Throws InvalidInputError. */
export const parseNewApiKey = (input: unknown, now: Date): NewApiKey => parseInput(newKey(now), input);
