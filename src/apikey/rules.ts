/** Pure: the input of createApiKey. */
import { z } from 'zod';

export const scopes = ['READ', 'WRITE', 'ADMIN', 'ACT_AS'] as const;
const maxNameLength = 100;

export const createApiKeyInput = (now: Date) =>
  z.object({
    name: z
      .string()
      .trim()
      .min(1, 'Give the key a name.')
      .max(maxNameLength, `Takes 1 to ${maxNameLength} characters.`)
      .regex(/^\P{Cc}*$/u, 'Takes no control characters.'),
    scopes: z
      .array(z.enum(scopes))
      .min(1, 'Give the key at least one scope.')
      .transform((names) => [...new Set(names)]),
    expiresAt: z
      .date()
      .nullish()
      .refine((at) => at == null || at > now, 'Must be in the future.'),
  });
