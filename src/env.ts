/** The settings: one zod object, the only reader of process.env. README.md has the same table; a test holds them together. */
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { readFailpoints } from './failpoint.ts';

const loopback = new Set(['127.0.0.1', '::1', 'localhost']);

const seconds = z.coerce.number().int().min(1);
const url = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });

/** Each setting's own rule. What two settings must be to each other is asked below. */
export const settings = z.object({
  HOST: z
    .string()
    .default('127.0.0.1')
    .refine(
      (host) => loopback.has(host),
      'must be a loopback address (127.0.0.1, ::1 or localhost): anyone who reaches this server may use it',
    ),
  PORT: z.coerce.number().int().min(0).max(65_535).default(4000),
  DATA_DIR: z.string().min(1).default('.data'),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgresql:// URL' }).optional(),
  PUBLIC_URL: url.optional(),
  FAL_KEY: z.string().min(1).optional(),
  FAL_MODE: z.enum(['live', 'simulated']).optional(),
  FAL_BASE_URL: url.optional(),
  FAL_JWKS_URL: url.optional(),
  FAL_SUBMITS_PER_MINUTE: z.coerce.number().int().min(1).max(100_000).default(100),
  FAL_JOBS_AT_ONCE: z.coerce.number().int().min(1).max(100_000).default(100),
  FAL_STATUS_READS_PER_MINUTE: z.coerce.number().int().min(60).max(1_000_000).default(3_000),
  FAL_SIMULATOR_SPEED: z.enum(['quick', 'real', 'instant']).default('quick'),
  GENERATION_DEADLINE_SECONDS: seconds.max(24 * 60 * 60).default(10 * 60),
  TRAINING_DEADLINE_SECONDS: seconds.max(7 * 24 * 60 * 60).default(2 * 60 * 60),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).optional(),
  NODE_ENV: z.string().optional(),
  FAILPOINT: z
    .string()
    .refine((text) => readFailpoints(text) !== undefined, 'must be name:kill, name:throw or name:delay')
    .optional(),
});

export type Settings = Omit<z.output<typeof settings>, 'FAL_MODE'> & { FAL_MODE: 'live' | 'simulated' };

/** A setting is missing or wrong. Its message is all that the user needs. */
export class WrongSettings extends Error {
  constructor(problems: string[]) {
    super(`${problems.join('\n')}\nEvery setting is in the README's table.`);
  }
}

/** Reads `.env` of the working directory, where there is one: what is set already stays. */
export function loadDotEnv(): void {
  if (existsSync('.env')) process.loadEnvFile('.env');
}

/** Throws WrongSettings with a sentence for each setting that is wrong, naming it. */
export function readSettings(env: NodeJS.ProcessEnv = process.env): Settings {
  // A line `NAME=` of an .env file is as good as none.
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = settings.safeParse(given);
  if (!parsed.success) {
    throw new WrongSettings(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}.`));
  }
  const { FAL_MODE, ...rest } = parsed.data;
  if (FAL_MODE === 'live' && rest.FAL_KEY === undefined) {
    throw new WrongSettings(['FAL_KEY: is needed when FAL_MODE is live. Make one at https://fal.ai/dashboard/keys.']);
  }
  if (FAL_MODE === undefined && rest.FAL_KEY === undefined && rest.NODE_ENV === 'production') {
    throw new WrongSettings([
      'FAL_MODE: must be named in production when there is no FAL_KEY: set FAL_KEY to go live, or FAL_MODE=simulated for made-up pictures.',
    ]);
  }
  if (rest.FAILPOINT !== undefined && rest.NODE_ENV === 'production') {
    throw new WrongSettings(['FAILPOINT: is for tests, and not for production.']);
  }
  return { ...rest, FAL_MODE: FAL_MODE ?? (rest.FAL_KEY === undefined ? 'simulated' : 'live') };
}
