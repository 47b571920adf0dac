/** Through a real Redis: nudges between processes, and rate limits that they count together. */
import { pino } from 'pino';
import { RateLimiterRes } from 'rate-limiter-flexible';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Nudges } from '../../src/events/nudges.ts';
import { createRedisNudgeTarget } from '../../src/redis/nudge-target.ts';
import { openRedis } from '../../src/redis/redis-clients.ts';
import { inRedis } from '../../src/server/limits/rate-store.ts';
import { hasRedis, openRedisServer, type TestRedis, tellSkippedRedis } from '../support/redis.ts';

tellSkippedRedis();

describe.runIf(hasRedis)('through Redis', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await openRedisServer();
  });
  afterAll(() => redis.stop());

  /** A connection as each process has one. */
  const open = async (prefix = 'likeness:a:') => {
    const logged: string[] = [];
    const clients = openRedis(redis.url, pino({ level: 'info' }, { write: (line: string) => void logged.push(line) }));
    onTestFinished(() => clients.close());
    await vi.waitFor(() => expect([clients.commands.status, clients.listener.status]).toEqual(['ready', 'ready']));
    return { clients, logged, nudges: new Nudges(createRedisNudgeTarget(clients, prefix)) };
  };
  const hearing = (nudges: Nudges, topic: string) => {
    const received: string[] = [];
    return { received, stop: nudges.listen(topic, (detail) => received.push(detail)) };
  };
  /** Sends nudges until one arrives: SUBSCRIBE takes a moment. */
  const untilReceived = async (by: Nudges, topic: string, received: string[]) =>
    await vi.waitFor(() => {
      by.send(topic, 'hello');
      expect(received).toContain('hello');
    });

  test('a nudge reaches the other process, and the sender once', async () => {
    const [one, two] = [await open(), await open()];
    const [own, other] = [hearing(one.nudges, 'job:1'), hearing(two.nudges, 'job:1')];
    await untilReceived(one.nudges, 'job:1', other.received);
    own.received.length = 0;
    for (const detail of ['a', 'b', 'c']) one.nudges.send('job:1', detail);
    expect(own.received).toEqual(['a', 'b', 'c']);
    const said = () => other.received.filter((detail) => detail !== 'hello');
    await vi.waitFor(() => expect(said()).toEqual(['a', 'b', 'c']));
    // By now its own nudges would have come back through Redis.
    expect(own.received).toEqual(['a', 'b', 'c']);
  });

  test('a nudge does not reach other topics, other installations, or a listener that stopped', async () => {
    const [one, two, foreign] = [await open(), await open(), await open('likeness:b:')];
    const topic = hearing(two.nudges, 'job:2');
    const left = hearing(two.nudges, 'job:1');
    const stranger = hearing(foreign.nudges, 'job:1');
    const other = hearing(two.nudges, 'job:1');
    await untilReceived(one.nudges, 'job:1', other.received);
    left.stop();
    left.received.length = 0;
    one.nudges.send('job:1', 'last');
    await vi.waitFor(() => expect(other.received).toContain('last'));
    expect([topic.received, left.received, stranger.received]).toEqual([[], [], []]);
  });

  test('while Redis is down a process receives its own nudges and nothing throws; afterwards it receives those of others again', async () => {
    const [one, two] = [await open(), await open()];
    const [own, other] = [hearing(one.nudges, 'job:3'), hearing(two.nudges, 'job:3')];
    await untilReceived(one.nudges, 'job:3', other.received);
    await redis.stop();
    other.received.length = 0;
    one.nudges.send('job:3', 'alone');
    expect(own.received.at(-1)).toBe('alone');
    // The same for a topic that is first listened to while Redis is down.
    const late = hearing(two.nudges, 'job:4');
    await vi.waitFor(() => expect(one.logged.join('')).toContain('Redis cannot be reached'));
    await redis.start();
    await untilReceived(one.nudges, 'job:3', other.received);
    await untilReceived(one.nudges, 'job:4', late.received);
    expect(other.received).not.toContain('alone');
    expect(one.logged.filter((line) => line.includes('cannot be reached')).length).toBeLessThanOrEqual(2);
    expect(one.logged.join('')).toContain('Redis can be reached again');
  });

  test('processes count a minute together, and each alone while Redis is down', async () => {
    const [one, two] = await Promise.all([open(), open()]);
    const [first, second] = [one, two].map(({ clients }) => inRedis(clients.commands, 'likeness:a')('operations', 3));
    if (first === undefined || second === undefined) throw new Error('Two were made.');
    await first.consume('ada');
    await second.consume('ada');
    await first.consume('ada');
    await expect(second.consume('ada')).rejects.toBeInstanceOf(RateLimiterRes);
    expect((await second.consume('bob')).remainingPoints).toBe(2);
    await redis.stop();
    await vi.waitFor(() => expect([one, two].map(({ clients }) => clients.commands.status)).not.toContain('ready'));
    for (const limiter of [first, second]) {
      expect((await limiter.consume('eve')).remainingPoints).toBe(2);
    }
    await redis.start();
  });

  test('no log line contains the password in the URL', async () => {
    const logged: string[] = [];
    const url = redis.url.replace('redis://', 'redis://user:secret-password@');
    const log = pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) });
    const clients = openRedis(url, log);
    onTestFinished(() => clients.close());
    await vi.waitFor(() => expect(logged.join('')).toContain('cannot be reached'));
    expect(logged.join('')).not.toContain('secret-password');
  });
});
