/** What goes through a real Redis: nudges between processes, and the minutes that they count together. */
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

  /** As of a process. */
  const open = async (prefix = 'likeness:a:') => {
    const logged: string[] = [];
    const clients = openRedis(redis.url, pino({ level: 'info' }, { write: (line: string) => void logged.push(line) }));
    onTestFinished(() => clients.close());
    await vi.waitFor(() => expect([clients.commands.status, clients.listener.status]).toEqual(['ready', 'ready']));
    return { clients, logged, nudges: new Nudges(createRedisNudgeTarget(clients, prefix)) };
  };
  const hearing = (nudges: Nudges, topic: string) => {
    const heard: string[] = [];
    return { heard, stop: nudges.listen(topic, (detail) => heard.push(detail)) };
  };
  /** Until it is heard: a SUBSCRIBE takes a moment. */
  const untilHeard = async (by: Nudges, topic: string, heard: string[]) =>
    await vi.waitFor(() => {
      by.send(topic, 'hello');
      expect(heard).toContain('hello');
    });

  test('a nudge is heard by the other process, and once by the one that sends it', async () => {
    const [one, two] = [await open(), await open()];
    const [own, other] = [hearing(one.nudges, 'job:1'), hearing(two.nudges, 'job:1')];
    await untilHeard(one.nudges, 'job:1', other.heard);
    own.heard.length = 0;
    for (const detail of ['a', 'b', 'c']) one.nudges.send('job:1', detail);
    expect(own.heard).toEqual(['a', 'b', 'c']);
    const said = () => other.heard.filter((detail) => detail !== 'hello');
    await vi.waitFor(() => expect(said()).toEqual(['a', 'b', 'c']));
    // What it sent itself would have come with those.
    expect(own.heard).toEqual(['a', 'b', 'c']);
  });

  test('other topics, other installations, and who listens no more, hear nothing', async () => {
    const [one, two, foreign] = [await open(), await open(), await open('likeness:b:')];
    const topic = hearing(two.nudges, 'job:2');
    const left = hearing(two.nudges, 'job:1');
    const stranger = hearing(foreign.nudges, 'job:1');
    const other = hearing(two.nudges, 'job:1');
    await untilHeard(one.nudges, 'job:1', other.heard);
    left.stop();
    left.heard.length = 0;
    one.nudges.send('job:1', 'last');
    await vi.waitFor(() => expect(other.heard).toContain('last'));
    expect([topic.heard, left.heard, stranger.heard]).toEqual([[], [], []]);
  });

  test('while Redis is gone one hears oneself and nothing throws; when it is back, so are the others', async () => {
    const [one, two] = [await open(), await open()];
    const [own, other] = [hearing(one.nudges, 'job:3'), hearing(two.nudges, 'job:3')];
    await untilHeard(one.nudges, 'job:3', other.heard);
    await redis.stop();
    other.heard.length = 0;
    one.nudges.send('job:3', 'alone');
    expect(own.heard.at(-1)).toBe('alone');
    // Also a topic that is first listened to meanwhile.
    const late = hearing(two.nudges, 'job:4');
    await vi.waitFor(() => expect(one.logged.join('')).toContain('Redis cannot be reached'));
    await redis.start();
    await untilHeard(one.nudges, 'job:3', other.heard);
    await untilHeard(one.nudges, 'job:4', late.heard);
    expect(other.heard).not.toContain('alone');
    expect(one.logged.filter((line) => line.includes('cannot be reached')).length).toBeLessThanOrEqual(2);
    expect(one.logged.join('')).toContain('Redis can be reached again');
  });

  test('a minute is counted together, and by each alone while Redis is gone', async () => {
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

  test('a password in the URL is in no line of the log', async () => {
    const logged: string[] = [];
    const url = redis.url.replace('redis://', 'redis://user:secret-password@');
    const log = pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) });
    const clients = openRedis(url, log);
    onTestFinished(() => clients.close());
    await vi.waitFor(() => expect(logged.join('')).toContain('cannot be reached'));
    expect(logged.join('')).not.toContain('secret-password');
  });
});
