import { describe, expect, it } from 'vitest';
import { backoffMs, retryAfterMs, sleep } from '../../../src/fal/http/backoff.ts';
import { parseJson } from '../../../src/fal/http/json.ts';
import { readStatus, readTimestamp } from '../../../src/fal/queue/status.ts';

const none = { queuePosition: undefined, logs: [], error: undefined };
const timestamp = '2024-12-20T15:37:17.120314';

describe('readStatus', () => {
  it.each<[object, object]>([
    [
      { status: 'IN_QUEUE', queue_position: 0, logs: null, metrics: {} },
      { status: 'IN_QUEUE', queuePosition: 0 },
    ],
    [{ status: 'IN_QUEUE' }, { status: 'IN_QUEUE' }],
    [{ status: 'IN_QUEUE', queue_position: null }, { status: 'IN_QUEUE' }],
    [{ status: 'IN_QUEUE', queue_position: -1 }, { status: 'IN_QUEUE' }],
    [{ status: 'IN_PROGRESS', queue_position: 3 }, { status: 'IN_PROGRESS' }],
    [{ status: 'IN_PROGRESS', logs: 'none' }, { status: 'IN_PROGRESS' }],
    [{ status: 'IN_PROGRESS', error: 'not the end' }, { status: 'IN_PROGRESS' }],
    [{ status: 'COMPLETED', error: null, error_type: null }, { status: 'COMPLETED' }],
    [{ status: 'COMPLETED', error: '', error_type: '' }, { status: 'COMPLETED' }],
    [
      { status: 'COMPLETED', error: 'Runner disconnected', error_type: 'runner_disconnected' },
      { status: 'COMPLETED', error: { type: 'runner_disconnected', message: 'Runner disconnected' } },
    ],
    [
      { status: 'COMPLETED', error: 'x' },
      { status: 'COMPLETED', error: { type: undefined, message: 'x' } },
    ],
    [
      { status: 'COMPLETED', error_type: 'x' },
      { status: 'COMPLETED', error: { type: 'x', message: 'x' } },
    ],
    [
      { status: 'COMPLETED', error: { message: 'm', type: 't' } },
      { status: 'COMPLETED', error: { type: 't', message: 'm' } },
    ],
    [
      { status: 'COMPLETED', error: { detail: 'd' }, error_type: 't' },
      { status: 'COMPLETED', error: { type: 't', message: 'd' } },
    ],
    [
      { status: 'COMPLETED', error: {} },
      { status: 'COMPLETED', error: { type: undefined, message: 'The request failed at fal.' } },
    ],
  ])('reads %j', (body, expected) => {
    expect(readStatus(body)).toEqual({ ...none, ...expected });
  });

  it.each([[null], [[]], ['COMPLETED'], [{}], [{ status: 'NOT_FOUND' }], [{ status: 7 }]])('rejects %j', (body) => {
    expect(readStatus(body)).toBeUndefined();
  });

  it('reads log lines of every format, and drops those without a message or a valid time', () => {
    const logs = [
      { message: 'a', timestamp, labels: {} },
      { message: 'b', timestamp, level: 'STDERR', source: 'USER' },
      { message: 'c', timestamp, level: null, labels: { level: 'INFO' } },
      { message: 'd', timestamp, level: 3, labels: 'none' },
      { message: '', timestamp: 1_734_709_037 },
      { message: 'no time' },
      { message: 'odd time', timestamp: 'yesterday' },
      { timestamp },
      'a line',
      null,
    ];
    expect(readStatus({ status: 'IN_PROGRESS', logs })?.logs).toEqual([
      { message: 'a', timestamp: `${timestamp}Z`, level: undefined },
      { message: 'b', timestamp: `${timestamp}Z`, level: 'STDERR' },
      { message: 'c', timestamp: `${timestamp}Z`, level: 'INFO' },
      { message: 'd', timestamp: `${timestamp}Z`, level: undefined },
      { message: '', timestamp: '2024-12-20T15:37:17.000Z', level: undefined },
    ]);
  });
});

describe('readTimestamp', () => {
  it.each<[string | number, string | undefined]>([
    ['2024-12-20T15:37:17.120314', '2024-12-20T15:37:17.120314Z'],
    ['2024-12-20T15:37:17.120314Z', '2024-12-20T15:37:17.120314Z'],
    ['2024-12-20T15:37:17.120314z', '2024-12-20T15:37:17.120314Z'],
    ['2024-12-20T15:37:17.120314+00:00', '2024-12-20T15:37:17.120314Z'],
    ['2024-12-20T15:37:17.120314+05:30', '2024-12-20T10:07:17.120314Z'],
    ['2024-12-31T23:37:17.5-0100', '2025-01-01T00:37:17.5Z'],
    ['2024-12-20 15:37:17.123456789', '2024-12-20T15:37:17.123456789Z'],
    ['2024-12-20T15:37:17', '2024-12-20T15:37:17Z'],
    [1_734_709_037.25, '2024-12-20T15:37:17.250Z'],
    [1_734_709_037_250, '2024-12-20T15:37:17.250Z'],
    ['2024-13-20T15:37:17', undefined],
    ['2024-12-20', undefined],
    ['', undefined],
    [Number.MAX_VALUE, undefined],
  ])('reads %j as %j', (value, expected) => {
    expect(readTimestamp(value)).toBe(expected);
  });
});

describe('parseJson', () => {
  it.each([
    ['{"seed":12345678901234567890}', { seed: '12345678901234567890' }],
    ['[-9007199254740993,9007199254740991]', ['-9007199254740993', 9_007_199_254_740_991]],
    ['{"a\\"1234567890123456789":"1234567890123456789"}', { 'a"1234567890123456789': '1234567890123456789' }],
    ['{"path":"C:\\\\","n":1234567890123456789}', { path: 'C:\\', n: '1234567890123456789' }],
    ['[1234567890123456789.5,1.5e300,1]', [1_234_567_890_123_456_800, 1.5e300, 1]],
  ])('parses %s without losing digits', (text, expected) => {
    expect(parseJson(text)).toEqual(expected);
  });

  it('throws for invalid JSON, and parses megabytes of text', () => {
    expect(() => parseJson('{"seed":1234567890123456789')).toThrow(SyntaxError);
    const long = String.raw`\"x`.repeat(1_000_000);
    expect(parseJson(`{"text":"${long}","seed":1234567890123456789}`)).toMatchObject({ seed: '1234567890123456789' });
  });
});

describe('retry delays', () => {
  it('double up to the maximum, with the upper half random', () => {
    const limits = { firstMs: 1000, maxMs: 3000 };
    expect([1, 2, 3, 50].map((failures) => backoffMs(failures, limits, () => 1))).toEqual([1000, 2000, 3000, 3000]);
    expect(backoffMs(1, limits, () => 0)).toBe(500);
  });

  it.each([
    [null, undefined],
    ['', undefined],
    ['7', 7000],
    ['0.5', 500],
    ['-3', 0],
    ['Thu, 01 Jan 1970 00:00:10 GMT', 5000],
    ['Thu, 01 Jan 1970 00:00:01 GMT', 0],
    ['soon', undefined],
  ])('are read from Retry-After: %j is %j ms', (header, expected) => {
    expect(retryAfterMs(header, 5000)).toBe(expected);
  });

  it('end at once when the signal aborts', async () => {
    await sleep(1);
    const leaving = new AbortController();
    const sleeping = sleep(3_600_000, leaving.signal);
    leaving.abort();
    await sleeping;
    await sleep(3_600_000, leaving.signal);
    expect(leaving.signal.aborted).toBe(true);
  });
});
