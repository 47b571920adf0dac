import { describe, expect, test } from 'vitest';
import { readSettings, WrongSettings } from '../src/env.ts';

describe('settings', () => {
  test('nothing set is a server on loopback with a simulated fal', () => {
    expect(readSettings({})).toEqual({
      HOST: '127.0.0.1',
      PORT: 4000,
      DATA_DIR: '.data',
      FAL_MODE: 'simulated',
      FAL_SUBMITS_PER_MINUTE: 100,
      FAL_JOBS_AT_ONCE: 100,
      FAL_STATUS_READS_PER_MINUTE: 3000,
      FAL_SIMULATOR_SPEED: 'quick',
      GENERATION_DEADLINE_SECONDS: 600,
      TRAINING_DEADLINE_SECONDS: 7200,
    });
  });

  test('a key goes live, and simulated on request stays simulated', () => {
    expect(readSettings({ FAL_KEY: 'a:b' }).FAL_MODE).toBe('live');
    expect(readSettings({ FAL_KEY: 'a:b', FAL_MODE: 'simulated' }).FAL_MODE).toBe('simulated');
  });

  test('in production, simulated is asked for by name', () => {
    expect(() => readSettings({ NODE_ENV: 'production' })).toThrow(/^FAL_MODE: must be named in production/);
    expect(readSettings({ NODE_ENV: 'production', FAL_MODE: 'simulated' }).FAL_MODE).toBe('simulated');
    expect(readSettings({ NODE_ENV: 'production', FAL_KEY: 'a:b' }).FAL_MODE).toBe('live');
  });

  test('a line of an .env file without a value is none', () => {
    expect(readSettings({ PORT: '', FAL_KEY: '' })).toMatchObject({ PORT: 4000, FAL_MODE: 'simulated' });
  });

  test.each([
    ['HOST', '0.0.0.0'],
    ['HOST', '192.168.1.2'],
    ['PORT', 'http'],
    ['PORT', '70000'],
    ['PORT', '40.5'],
    ['PUBLIC_URL', 'likeness.example'],
    ['PUBLIC_URL', 'ftp://likeness.example'],
    ['DATABASE_URL', 'mysql://127.0.0.1/likeness'],
    ['FAL_MODE', 'dead'],
    ['FAL_BASE_URL', '127.0.0.1:4010'],
    ['FAL_SUBMITS_PER_MINUTE', '0'],
    ['FAL_JOBS_AT_ONCE', 'all'],
    ['FAL_STATUS_READS_PER_MINUTE', '1.5'],
    ['FAL_SIMULATOR_SPEED', 'fast'],
    ['GENERATION_DEADLINE_SECONDS', '0'],
    ['TRAINING_DEADLINE_SECONDS', 'two hours'],
    ['LOG_LEVEL', 'loud'],
    ['FAILPOINT', 'submit.intended:explode'],
    ['FAILPOINT', 'submit.nowhere:kill'],
  ])('%s=%s is refused in a sentence that names it', (name, value) => {
    expect(() => readSettings({ [name]: value })).toThrow(WrongSettings);
    expect(() => readSettings({ [name]: value })).toThrow(new RegExp(`^${name}: .+\\.\n`));
  });

  test('no failpoint in production', () => {
    const env = { FAILPOINT: 'submit.intended:kill,start.committed:delay' };
    expect(readSettings(env)).toMatchObject(env);
    expect(() => readSettings({ ...env, NODE_ENV: 'production', FAL_KEY: 'a:b' })).toThrow(/^FAILPOINT: is for tests/);
  });

  test('live without a key, and several wrong ones at once', () => {
    expect(() => readSettings({ FAL_MODE: 'live' })).toThrow(/^FAL_KEY: is needed/);
    expect(() => readSettings({ PORT: '-1', LOG_LEVEL: 'loud' })).toThrow(/PORT: [^\n]+\nLOG_LEVEL: /);
  });
});
