import { describe, expect, test } from 'vitest';
import { InvalidSettings, readSettings } from '../../src/app/config.ts';

describe('settings', () => {
  test('nothing set is a server on loopback with a simulated fal', () => {
    expect(readSettings({})).toEqual({
      HOST: '127.0.0.1',
      PORT: 4000,
      DATA_DIR: '.data',
      DATABASE_CONNECTIONS: 16,
      FAL_MODE: 'simulated',
      FAL_SUBMITS_PER_MINUTE: 100,
      FAL_JOBS_AT_ONCE: 100,
      FAL_STATUS_READS_PER_MINUTE: 3000,
      FAL_SIMULATOR_SPEED: 'quick',
      GENERATION_DEADLINE_SECONDS: 600,
      TRAINING_DEADLINE_SECONDS: 7200,
      ROLE: 'all',
      DRAIN_SECONDS: 0,
      TRUSTED_PROXIES: 0,
      S3_REGION: 'us-east-1',
      S3_FORCE_PATH_STYLE: 'off',
      INTROSPECTION: 'on',
      OPERATIONS_PER_MINUTE: 1200,
      REQUESTS_PER_ADDRESS: 3000,
      GRAPHIQL: 'on',
      METERING: 'off',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_SERVICE_NAME: 'likeness',
      OTEL_SDK_DISABLED: 'false',
      needsAccess: false,
    });
  });

  test('a key goes live, and simulated on request stays simulated', () => {
    expect(readSettings({ FAL_KEY: 'a:b' }).FAL_MODE).toBe('live');
    expect(readSettings({ FAL_KEY: 'a:b', FAL_MODE: 'simulated' }).FAL_MODE).toBe('simulated');
  });

  test('in production, simulated is asked for by name', () => {
    expect(() => readSettings({ NODE_ENV: 'production' })).toThrow(/^FAL_MODE: is required in production/);
    expect(readSettings({ NODE_ENV: 'production', FAL_MODE: 'simulated' }).FAL_MODE).toBe('simulated');
    expect(readSettings({ NODE_ENV: 'production', FAL_KEY: 'a:b' }).FAL_MODE).toBe('live');
  });

  test('several processes need a database that they share', () => {
    expect(() => readSettings({ REDIS_URL: 'redis://localhost' })).toThrow(/^REDIS_URL: is only for several processes/);
    expect(() => readSettings({ ROLE: 'worker' })).toThrow(/^ROLE: is only for several processes/);
    expect(() => readSettings({ REDIS_URL: 'http://localhost' })).toThrow(/^REDIS_URL: must be a redis/);
    const shared = { DATABASE_URL: 'postgresql://localhost/l', REDIS_URL: 'rediss://localhost', ROLE: 'web' };
    expect(readSettings(shared)).toMatchObject(shared);
  });

  test('a line of an .env file without a value is none', () => {
    expect(readSettings({ PORT: '', FAL_KEY: '' })).toMatchObject({ PORT: 4000, FAL_MODE: 'simulated' });
  });

  test.each([
    ['PORT', 'http'],
    ['PORT', '70000'],
    ['PORT', '40.5'],
    ['PUBLIC_URL', 'likeness.example'],
    ['PUBLIC_URL', 'ftp://likeness.example'],
    ['DATABASE_URL', 'mysql://127.0.0.1/likeness'],
    ['DATABASE_CONNECTIONS', '2'],
    ['S3_BUCKET', 'a bucket'],
    ['S3_ENDPOINT', 'minio:9000'],
    ['S3_FORCE_PATH_STYLE', 'yes'],
    ['TRUSTED_PROXIES', '-1'],
    ['JWKS_URL', 'keys.json'],
    ['JWT_PUBLIC_KEY', 'secret'],
    ['CORS_ORIGINS', 'https://app.example.com/'],
    ['CORS_ORIGINS', '*'],
    ['GRAPHIQL', 'yes'],
    ['INTROSPECTION', 'no'],
    ['OPERATIONS_PER_MINUTE', '0'],
    ['REQUESTS_PER_ADDRESS', '0'],
    ['METERING', 'maybe'],
    ['DAILY_CREDITS', '-1'],
    ['FAL_MODE', 'dead'],
    ['FAL_BASE_URL', '127.0.0.1:4010'],
    ['FAL_SUBMITS_PER_MINUTE', '0'],
    ['FAL_JOBS_AT_ONCE', 'all'],
    ['FAL_STATUS_READS_PER_MINUTE', '1.5'],
    ['FAL_SIMULATOR_SPEED', 'fast'],
    ['GENERATION_DEADLINE_SECONDS', '0'],
    ['TRAINING_DEADLINE_SECONDS', 'two hours'],
    ['METRICS_TOKEN', 'too short'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', '127.0.0.1:4318'],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
    ['OTEL_SDK_DISABLED', 'yes'],
    ['LOG_LEVEL', 'loud'],
    ['FAILPOINT', 'submit.intended:explode'],
    ['FAILPOINT', 'submit.nowhere:kill'],
  ])('%s=%s is refused in a sentence that names it', (name, value) => {
    expect(() => readSettings({ [name]: value })).toThrow(InvalidSettings);
    expect(() => readSettings({ [name]: value })).toThrow(new RegExp(`^${name}: .+\\.\n`));
  });

  test('whoever can be reached from elsewhere asks who calls, and sells credits unless told not to', () => {
    const open = { needsAccess: false, METERING: 'off', GRAPHIQL: 'on' };
    for (const HOST of ['127.0.0.1', '::1', 'localhost']) expect(readSettings({ HOST })).toMatchObject(open);
    expect(readSettings({ PUBLIC_URL: 'http://localhost:4000' })).toMatchObject(open);
    const asking = { needsAccess: true, METERING: 'on' };
    for (const HOST of ['0.0.0.0', '192.168.1.2', '::', 'likeness'])
      expect(readSettings({ HOST })).toMatchObject(asking);
    expect(readSettings({ PUBLIC_URL: 'https://likeness.example' })).toMatchObject({ ...asking, GRAPHIQL: 'on' });
    const production = { NODE_ENV: 'production', FAL_KEY: 'a:b' };
    expect(readSettings(production)).toMatchObject({ ...asking, GRAPHIQL: 'off' });
    expect(readSettings({ ...production, METERING: 'off' }).METERING).toBe('off');
  });

  test('tokens need all of their settings, and one source of keys', () => {
    const claims = { JWT_ISSUER: 'i', JWT_AUDIENCE: 'a' };
    const JWKS_URL = 'https://id.example/jwks.json';
    const JWT_PUBLIC_KEY = '-----BEGIN PUBLIC KEY-----';
    expect(readSettings({ ...claims, JWKS_URL })).toMatchObject(claims);
    expect(readSettings({ ...claims, JWT_PUBLIC_KEY })).toMatchObject(claims);
    for (const part of [claims, { JWKS_URL }, { JWT_PUBLIC_KEY, JWT_ISSUER: 'i' }]) {
      expect(() => readSettings(part)).toThrow(/^JWT_ISSUER: tokens need all of these settings/);
    }
    expect(() => readSettings({ ...claims, JWKS_URL, JWT_PUBLIC_KEY })).toThrow(/^JWKS_URL: cannot be combined with/);
  });

  test('a bucket has all of its settings, and none of them goes without it', () => {
    const S3_BUCKET = 'likeness';
    const S3_ENDPOINT = 'http://127.0.0.1:9000';
    const key = { S3_ACCESS_KEY_ID: 'id', S3_SECRET_ACCESS_KEY: 'secret' };
    expect(readSettings({ S3_BUCKET })).toMatchObject({
      S3_BUCKET,
      S3_REGION: 'us-east-1',
      S3_FORCE_PATH_STYLE: 'off',
    });
    expect(readSettings({ S3_BUCKET, S3_ENDPOINT, ...key })).toMatchObject({ S3_FORCE_PATH_STYLE: 'on', ...key });
    expect(readSettings({ S3_BUCKET, S3_ENDPOINT, S3_FORCE_PATH_STYLE: 'off' }).S3_FORCE_PATH_STYLE).toBe('off');
    for (const [name, value] of Object.entries({ S3_ENDPOINT, S3_FORCE_PATH_STYLE: 'on', ...key })) {
      expect(() => readSettings({ [name]: value })).toThrow(`S3_BUCKET: is required when ${name} is set.`);
    }
    const { S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY } = key;
    expect(() => readSettings({ S3_BUCKET, S3_ACCESS_KEY_ID })).toThrow(
      /^S3_SECRET_ACCESS_KEY: is required with the other half/,
    );
    expect(() => readSettings({ S3_BUCKET, S3_SECRET_ACCESS_KEY })).toThrow(
      /^S3_ACCESS_KEY_ID: is required with the other half/,
    );
  });

  test('no failpoint in production', () => {
    const env = { FAILPOINT: 'submit.intended:kill,start.committed:delay' };
    expect(readSettings(env)).toMatchObject(env);
    expect(() => readSettings({ ...env, NODE_ENV: 'production', FAL_KEY: 'a:b' })).toThrow(/^FAILPOINT: is for tests/);
  });

  test('live without a key, and several wrong ones at once', () => {
    expect(() => readSettings({ FAL_MODE: 'live' })).toThrow(/^FAL_KEY: is required/);
    expect(() => readSettings({ PORT: '-1', LOG_LEVEL: 'loud' })).toThrow(/PORT: [^\n]+\nLOG_LEVEL: /);
  });
});
