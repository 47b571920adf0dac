/** Who may scrape /metrics, and what a scrape is when the database does not answer. */
import { pino } from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Database } from '../../src/database/client.ts';
import { cachedRead } from '../../src/metrics/cached-read.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { hear } from '../support/hear.ts';
import { startLikeness } from '../support/likeness.ts';
import { readExposition, sumOf, typesOf } from './exposition.ts';

const token = 'a-token-of-a-scraper';
const elsewhere = { PUBLIC_URL: 'https://likeness.example' };

async function open(env: Record<string, string>) {
  const likeness = await startLikeness({ manual: true, env });
  onTestFinished(() => likeness.close());
  const statusOf = async (authorization?: string, host = new URL(likeness.url).host) => {
    const headers = { host, ...(authorization === undefined ? {} : { authorization }) };
    return (await hear(`${likeness.url}/metrics`, { headers })).status;
  };
  return { likeness, statusOf };
}

describe('who may scrape', () => {
  test('whoever is at this machine, where that is enough; no page of another name', async () => {
    const { likeness, statusOf } = await open({});
    expect(await statusOf()).toBe(200);
    expect(await statusOf(undefined, 'evil.example')).toBe(421);
    expect((await fetch(`${likeness.url}/metrics`, { method: 'POST' })).status).toBe(404);
    const head = await fetch(`${likeness.url}/metrics`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  test('nobody, where callers need keys and there is no token', async () => {
    const { likeness, statusOf } = await open(elsewhere);
    expect(await statusOf()).toBe(404);
    expect(await statusOf(likeness.headers['authorization'])).toBe(404);
  });

  test.each([
    ['on loopback', {}],
    ['elsewhere', elsewhere],
  ])('whoever has the token, and nobody else, %s', async (_where, env) => {
    const { likeness, statusOf } = await open({ ...env, METRICS_TOKEN: token });
    expect(await statusOf(`Bearer ${token}`)).toBe(200);
    for (const wrong of [
      undefined,
      token,
      'Bearer',
      `Basic ${token}`,
      `Bearer ${token}x`,
      `Bearer ${token.slice(1)}`,
    ]) {
      expect([wrong, await statusOf(wrong)]).toEqual([wrong, 401]);
    }
    expect(await statusOf(likeness.headers['authorization'])).toBe(401);
    const refused = await fetch(`${likeness.url}/metrics`);
    expect(refused.headers.get('www-authenticate')).toBe('Bearer');
    // Nor does it open anything else.
    const asked = await fetch(`${likeness.url}/graphql?query={viewer{id}}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(asked.status).toBe(401);
  });
});

describe('the text', () => {
  test('is of the format that it says, with Node’s own metrics, each of one type', async () => {
    const { likeness } = await open({});
    const answer = await fetch(`${likeness.url}/metrics`);
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const text = await answer.text();
    const types = typesOf(text);
    expect(types.get('process_cpu_seconds_total')).toBe('counter');
    expect(types.get('nodejs_eventloop_lag_seconds')).toBe('gauge');
    const endings: Record<string, RegExp> = { counter: /_total$/, histogram: /_seconds$/, gauge: /(?<!_total)$/ };
    const own = [...types].filter(([name]) => name.startsWith('likeness_'));
    expect(own.length).toBeGreaterThan(10);
    expect(own.filter(([name, type]) => !endings[type]?.test(name))).toEqual([]);
    expect(readExposition(text).every(({ value }) => !Number.isNaN(value))).toBe(true);
    expect(text.match(/^# TYPE /gm)).toHaveLength(types.size);
  });

  test('leaves out the gauges that the database could not answer, and counts the failed reads', async () => {
    const metrics = createMetrics();
    const prisma = { $queryRaw: () => Promise.reject(new Error('gone')) } as unknown as Database;
    const log = pino({ level: 'silent' });
    const open = () => ({ sockets: 3, streams: 0 });
    metrics.registerGauges({
      prisma,
      log,
      now: () => new Date(),
      open,
      subscribers: () => ({ jobEvents: 0, jobChanged: 0 }),
    });
    const samples = readExposition((await metrics.text()).text);
    const names = new Set(samples.map(({ name }) => name));
    for (const name of ['likeness_jobs', 'likeness_jobs_waiting', 'likeness_jobs_waiting_oldest_seconds']) {
      expect(names).not.toContain(name);
    }
    expect(names).not.toContain('likeness_ledger_credits');
    expect(sumOf(samples, 'likeness_sockets')).toBe(3);
    const again = readExposition((await metrics.text()).text);
    expect(sumOf(again, 'likeness_database_read_failures_total', { read: 'jobs' })).toBeGreaterThan(0);
    expect(sumOf(again, 'likeness_database_read_failures_total', { read: 'ledger' })).toBeGreaterThan(0);
  });
});

describe('a cached read', () => {
  const failures: unknown[] = [];
  const onFailed = (error: unknown) => failures.push(error);

  test('runs once for concurrent calls, and again only when its value is too old', async () => {
    let reads = 0;
    const value = cachedRead(async () => (reads += 1), { forMs: 60_000, withinMs: 1_000, onFailed });
    expect(await Promise.all([value(), value(), value()])).toEqual([1, 1, 1]);
    expect(await value()).toBe(1);
    const fresh = cachedRead(async () => (reads += 1), { forMs: 0, withinMs: 1_000, onFailed });
    expect([await fresh(), await fresh()]).toEqual([2, 3]);
  });

  test('gives up waiting for a slow read, and starts no second one', async () => {
    let reads = 0;
    let answer: (value: string) => void = () => undefined;
    const slow = () => {
      reads += 1;
      return new Promise<string>((resolve) => (answer = resolve));
    };
    const value = cachedRead(slow, { forMs: 60_000, withinMs: 5, onFailed });
    expect(await value()).toBeUndefined();
    expect(await value()).toBeUndefined();
    expect([reads, failures.length]).toEqual([1, 2]);
    answer('late');
    await Promise.resolve();
    expect([await value(), reads]).toEqual(['late', 1]);
  });
});
