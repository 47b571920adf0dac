/** The settings: one zod object, the only reader of process.env. A test compares them with the table in docs/configuration.md. */
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { parseFailpoints } from '../runtime/failpoint.ts';
import { isLoopbackHost } from '../runtime/loopback.ts';

const onOff = z.enum(['on', 'off']);
const isOrigin = (text: string) => URL.canParse(text) && new URL(text).origin === text;

const seconds = z.coerce.number().int().min(1);
const url = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });

/** The rule of each setting. readSettings() checks the rules between settings. */
export const settings = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: z.coerce.number().int().min(0).max(65_535).default(4000),
  DATA_DIR: z.string().min(1).default('.data'),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgresql:// URL' }).optional(),
  DATABASE_CONNECTIONS: z.coerce.number().int().min(4).max(500).default(16),
  REDIS_URL: z.url({ protocol: /^rediss?$/, error: 'must be a redis:// or rediss:// URL' }).optional(),
  ROLE: z.enum(['all', 'web', 'worker']).default('all'),
  DRAIN_SECONDS: z.coerce.number().int().min(0).max(300).default(0),
  S3_BUCKET: z
    .string()
    .regex(/^[\w.-]{3,63}$/, 'must be the name of a bucket')
    .optional(),
  S3_ENDPOINT: url.optional(),
  S3_REGION: z.string().min(1).default('us-east-1'),
  S3_FORCE_PATH_STYLE: onOff.optional(),
  S3_ACCESS_KEY_ID: z.string().min(1).optional(),
  S3_SECRET_ACCESS_KEY: z.string().min(1).optional(),
  PUBLIC_URL: url.optional(),
  TRUSTED_PROXIES: z.coerce.number().int().min(0).max(10).default(0),
  JWKS_URL: url.optional(),
  JWT_PUBLIC_KEY: z.string().startsWith('-----BEGIN', 'must be a public key as PEM').optional(),
  JWT_ISSUER: z.string().min(1).optional(),
  JWT_AUDIENCE: z.string().min(1).optional(),
  CORS_ORIGINS: z
    .string()
    .transform((text) => text.split(',').map((origin) => origin.trim()))
    .refine(
      (origins) => origins.every(isOrigin),
      'must be origins separated by commas, such as https://app.example.com',
    )
    .optional(),
  GRAPHIQL: onOff.optional(),
  INTROSPECTION: onOff.default('on'),
  OPERATIONS_PER_MINUTE: z.coerce.number().int().min(1).max(1_000_000).default(1_200),
  REQUESTS_PER_ADDRESS: z.coerce.number().int().min(1).max(1_000_000).default(3_000),
  FAL_KEY: z.string().min(1).optional(),
  FAL_MODE: z.enum(['live', 'simulated']).optional(),
  FAL_BASE_URL: url.optional(),
  FAL_JWKS_URL: url.optional(),
  FAL_SUBMITS_PER_MINUTE: z.coerce.number().int().min(1).max(100_000).default(100),
  FAL_JOBS_AT_ONCE: z.coerce.number().int().min(1).max(100_000).default(100),
  FAL_STATUS_READS_PER_MINUTE: z.coerce.number().int().min(60).max(1_000_000).default(3_000),
  FAL_SIMULATOR_SPEED: z.enum(['quick', 'real', 'instant']).default('quick'),
  METERING: onOff.optional(),
  DAILY_CREDITS: z.coerce.number().min(0).max(10_000_000).optional(),
  GENERATION_DEADLINE_SECONDS: seconds.max(24 * 60 * 60).default(10 * 60),
  TRAINING_DEADLINE_SECONDS: seconds.max(7 * 24 * 60 * 60).default(2 * 60 * 60),
  METRICS_TOKEN: z.string().min(16, 'must have at least 16 characters').optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: url.optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url.optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: z.enum(['http/protobuf', 'http/json']).default('http/protobuf'),
  OTEL_SERVICE_NAME: z.string().min(1).default('likeness'),
  OTEL_SDK_DISABLED: z.enum(['true', 'false']).default('false'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).optional(),
  NODE_ENV: z.string().optional(),
  FAILPOINT: z
    .string()
    .refine((text) => parseFailpoints(text) !== undefined, 'must be name:kill, name:throw or name:delay')
    .optional(),
});

type Defaulted = 'FAL_MODE' | 'METERING' | 'GRAPHIQL' | 'S3_FORCE_PATH_STYLE';

export type Settings = Omit<z.output<typeof settings>, Defaulted> & {
  FAL_MODE: 'live' | 'simulated';
  METERING: 'on' | 'off';
  GRAPHIQL: 'on' | 'off';
  S3_FORCE_PATH_STYLE: 'on' | 'off';
  /** Whether callers need an API key or a token: the server can be reached from other machines, or is in production. */
  needsAccess: boolean;
};

/** A setting is missing or wrong. The message names it and says what to do. */
export class InvalidSettings extends Error {
  constructor(problems: string[]) {
    super(`${problems.join('\n')}\ndocs/configuration.md describes every setting.`);
  }
}

/** Reads `.env` in the working directory, if there is one. Variables that are already set keep their values. */
export function loadDotEnv(): void {
  if (existsSync('.env')) process.loadEnvFile('.env');
}

/** Throws InvalidSettings with one sentence for each wrong setting. */
export function readSettings(env: NodeJS.ProcessEnv = process.env): Settings {
  // An empty value, such as a line `NAME=` of an .env file, counts as not set.
  const nonEmpty = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = settings.safeParse(nonEmpty);
  if (!parsed.success) {
    throw new InvalidSettings(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}.`));
  }
  const { FAL_MODE, METERING, GRAPHIQL, S3_FORCE_PATH_STYLE, ...rest } = parsed.data;
  if (FAL_MODE === 'live' && rest.FAL_KEY === undefined) {
    throw new InvalidSettings([
      'FAL_KEY: is required when FAL_MODE is live. Create a key at https://fal.ai/dashboard/keys.',
    ]);
  }
  if (FAL_MODE === undefined && rest.FAL_KEY === undefined && rest.NODE_ENV === 'production') {
    throw new InvalidSettings([
      'FAL_MODE: is required in production without a FAL_KEY. Set FAL_KEY to go live, or FAL_MODE=simulated for simulated pictures.',
    ]);
  }
  if (rest.DATABASE_URL === undefined && (rest.REDIS_URL !== undefined || rest.ROLE !== 'all')) {
    const name = rest.REDIS_URL === undefined ? 'ROLE' : 'REDIS_URL';
    throw new InvalidSettings([`${name}: is only for several processes that share a database. Set DATABASE_URL too.`]);
  }
  assertBucket(parsed.data);
  const givesKeys = Number(rest.JWKS_URL !== undefined) + Number(rest.JWT_PUBLIC_KEY !== undefined);
  const givesClaims = Number(rest.JWT_ISSUER !== undefined) + Number(rest.JWT_AUDIENCE !== undefined);
  if (givesKeys > 1) throw new InvalidSettings(['JWKS_URL: cannot be combined with JWT_PUBLIC_KEY. Set one of them.']);
  if (givesKeys !== 0 ? givesClaims !== 2 : givesClaims !== 0) {
    throw new InvalidSettings([
      'JWT_ISSUER: tokens need all of these settings: JWT_ISSUER, JWT_AUDIENCE, and JWKS_URL or JWT_PUBLIC_KEY.',
    ]);
  }
  if (rest.FAILPOINT !== undefined && rest.NODE_ENV === 'production') {
    throw new InvalidSettings(['FAILPOINT: is for tests. Unset it in production.']);
  }
  const isProduction = rest.NODE_ENV === 'production';
  const needsAccess = isProduction || !isLoopbackHost(rest.HOST) || !isOfThisMachine(rest.PUBLIC_URL);
  return {
    ...rest,
    FAL_MODE: FAL_MODE ?? (rest.FAL_KEY === undefined ? 'simulated' : 'live'),
    METERING: METERING ?? (needsAccess ? 'on' : 'off'),
    GRAPHIQL: GRAPHIQL ?? (isProduction ? 'off' : 'on'),
    S3_FORCE_PATH_STYLE: S3_FORCE_PATH_STYLE ?? (rest.S3_ENDPOINT === undefined ? 'off' : 'on'),
    needsAccess,
  };
}

/** The S3 settings require a bucket, and the access key requires both its id and its secret. */
function assertBucket(given: z.output<typeof settings>): void {
  const { S3_BUCKET, S3_ENDPOINT, S3_FORCE_PATH_STYLE, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY } = given;
  const rest = { S3_ENDPOINT, S3_FORCE_PATH_STYLE, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY };
  const [lone] = Object.entries(rest).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (S3_BUCKET === undefined && lone !== undefined) {
    throw new InvalidSettings([`S3_BUCKET: is required when ${lone} is set.`]);
  }
  if ((S3_ACCESS_KEY_ID === undefined) === (S3_SECRET_ACCESS_KEY === undefined)) return;
  const missing = S3_ACCESS_KEY_ID === undefined ? 'S3_ACCESS_KEY_ID' : 'S3_SECRET_ACCESS_KEY';
  throw new InvalidSettings([
    `${missing}: is required with the other half of the key. Set both, or neither to use AWS_* credentials.`,
  ]);
}

const isOfThisMachine = (url: string | undefined) => url === undefined || isLoopbackHost(new URL(url).hostname);
