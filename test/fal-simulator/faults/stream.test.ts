/** Faults of status streams, read as bytes and by the official client. */
import { describe, expect, it, vi } from 'vitest';
import { manualClock } from '../../../src/fal-simulator/clock.ts';
import { hear } from '../../support/hear.ts';
import { faulty, refusal } from '../../support/simulator.ts';

const endpoint = 'fal-ai/flux-lora';
const input = { prompt: 'x', num_inference_steps: 20 };
type Log = { timestamp: string; message: string };
type Event = { status: string; logs: Log[] };

/** Submits a request at quick speed and reads its stream while the test advances the clock in steps. */
async function stream(fault: object, { stepMs = 20 } = {}) {
  const clock = manualClock();
  const { fal, simulator } = await faulty([{ on: 'stream', ...fault }], { clock, speed: 'quick' });
  const { request_id: requestId, status_url } = await fal.queue.submit(endpoint, { input });
  const leaving = new AbortController();
  const headers = { authorization: `Key ${simulator.key}` };
  let isDone = false;
  const response = hear(`${status_url}/stream?logs=1`, { headers, signal: leaving.signal }).finally(
    () => (isDone = true),
  );
  return {
    clock,
    fal,
    simulator,
    requestId,
    leaving,
    response,
    /** Advances the clock until the stream has ended. */
    async toItsEnd() {
      const step = () => {
        clock.advance(stepMs);
        expect(isDone).toBe(true);
      };
      await vi.waitFor(step, { interval: 5 });
      return await response;
    },
  };
}

function eventsIn(text: string): Event[] {
  return [...text.matchAll(/^data: (.*)$/gm)].map(([, json = '']) => JSON.parse(json) as Event);
}

const linesOf = (events: Event[]) => events.flatMap(({ logs }) => logs.map(({ timestamp }) => timestamp));

describe('a stream', () => {
  it.each([1, 3])('closes after %i events', async (afterEvents) => {
    const { toItsEnd } = await stream({ do: 'close', afterEvents });
    const { text, end } = await toItsEnd();
    expect([eventsIn(text).length, end]).toEqual([afterEvents, 'whole']);
  });

  it('closes before its first event', async () => {
    const { toItsEnd } = await stream({ do: 'close', afterEvents: 0 });
    expect(await toItsEnd()).toMatchObject({ status: 200, text: '', end: 'whole' });
  });

  it('is reset after an event', async () => {
    const { toItsEnd } = await stream({ do: 'break', afterEvents: 2 });
    const { text, end } = await toItsEnd();
    expect([eventsIn(text).length, end]).toEqual([2, 'ECONNRESET']);
  });

  it('falls silent and sends no pings either', async () => {
    const { clock, simulator, requestId, fal, leaving, response } = await stream({ do: 'stall' });
    await vi.waitFor(() => expect(simulator.record.calls().at(-1)).toMatchObject({ kind: 'stream', status: 200 }));
    for (let i = 0; i < 10; i += 1) {
      clock.advance(15_000);
      expect(await fal.queue.status(endpoint, { requestId })).toMatchObject({ status: 'COMPLETED' });
    }
    leaving.abort();
    const { text, end } = await response;
    expect([eventsIn(text).map(({ status }) => status), text.includes('ping'), end]).toEqual([
      ['IN_QUEUE'],
      false,
      'ABORT_ERR',
    ]);
  });

  it.each([0, 2])('sends invalid JSON after %i events, and continues', async (afterEvents) => {
    const { toItsEnd } = await stream({ do: 'garbage', afterEvents });
    const { text } = await toItsEnd();
    const lines = text.split('\n\n').filter((line) => line.startsWith('data:'));
    const bad = lines.filter((line) => !line.endsWith('}'));
    expect(bad).toEqual(['data: {"status":"IN_PROGRESS","logs":[']);
    expect(lines.indexOf(bad[0] ?? '')).toBe(afterEvents);
    expect(lines.at(-1)).toContain('"COMPLETED"');
  });

  it('is split into packets within a character', async () => {
    const { toItsEnd } = await stream({ do: 'split' });
    const { pieces, text } = await toItsEnd();
    const isCut = (piece: Buffer) => piece.toString('utf8').includes('\uFFFD');
    expect(pieces.filter(isCut).length).toBeGreaterThan(10);
    expect(text).not.toContain('\uFFFD');
    expect(eventsIn(text).at(-1)?.status).toBe('COMPLETED');
  });

  it('sends each event twice', async () => {
    const { toItsEnd } = await stream({ do: 'repeat' });
    const events = eventsIn((await toItsEnd()).text);
    const odd = events.filter((_, index) => index % 2 === 1);
    expect(odd).toEqual(events.filter((_, index) => index % 2 === 0));
  });

  it('is rejected', async () => {
    const { toItsEnd } = await stream({ do: 'answer', status: 503 });
    expect(await toItsEnd()).toMatchObject({ status: 503, end: 'whole' });
  });

  it('of an unknown request is answered without the fault', async () => {
    const { simulator } = await faulty([{ on: 'stream', do: 'stall' }]);
    const url = `${simulator.url}/${endpoint}/requests/none/status/stream`;
    const headers = { authorization: `Key ${simulator.key}` };
    expect(await hear(url, { headers })).toMatchObject({ status: 404, text: '{"status":"NOT_FOUND"}' });
  });
});

describe('the official client', () => {
  const follow = async (fault: object) => {
    const { fal } = await faulty([{ on: 'stream', ...fault }], { speed: 'quick' });
    const { request_id: requestId } = await fal.queue.submit(endpoint, { input });
    return await fal.queue.subscribeToStatus(endpoint, { requestId, mode: 'streaming', logs: true });
  };

  it('mistakes a stream that closes early for the end', async () => {
    expect(await follow({ do: 'close' })).toMatchObject({ status: 'IN_QUEUE' });
  });

  it.each([
    [{ do: 'break' }, 500],
    [{ do: 'answer', status: 503 }, 503],
  ])('rejects for %j', async (fault, status) => {
    expect(await refusal(follow(fault))).toMatchObject({ status });
  });
});

describe('log lines', () => {
  const right = async () => eventsIn((await (await stream({ do: 'repeat', nth: 2 })).toItsEnd()).text);

  it('are sent once each without a fault', async () => {
    const lines = linesOf(await right());
    expect(new Set(lines).size).toBe(lines.length);
    expect(lines.length).toBeGreaterThan(20);
  });

  it('are sent twice', async () => {
    const { toItsEnd } = await stream({ do: 'logs-twice' });
    const lines = linesOf(eventsIn((await toItsEnd()).text));
    expect(new Set(lines).size).toBe(lines.length / 2);
  });

  it('are sent with the next event', async () => {
    const { toItsEnd, fal, requestId } = await stream({ do: 'logs-late' });
    const events = eventsIn((await toItsEnd()).text);
    const { logs } = (await fal.queue.status(endpoint, { requestId, logs: true })) as unknown as Event;
    const timestamps = linesOf(events);
    expect(events.find(({ status }) => status === 'IN_PROGRESS')?.logs).toEqual([]);
    // Without those of the last event, because no event follows it.
    expect(logs.map(({ timestamp }) => timestamp).slice(0, timestamps.length)).toEqual(timestamps);
    expect(timestamps.length).toBeGreaterThan(20);
  });

  it('are all repeated with each event', async () => {
    const { toItsEnd } = await stream({ do: 'logs-again' });
    const counts = eventsIn((await toItsEnd()).text).map(({ logs }) => logs.length);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(counts.at(-1)).toBeGreaterThan(20);
  });

  it.each([
    [{ do: 'logs-window', lines: 3 }, 3],
    [{ do: 'logs-window', lines: 0 }, 0],
  ])('are limited to the last few of each event: %j', async (fault, most) => {
    const { toItsEnd } = await stream(fault, { stepMs: 1000 });
    const counts = eventsIn((await toItsEnd()).text).map(({ logs }) => logs.length);
    expect(Math.max(...counts)).toBe(most);
  });

  it.each<[object, (logs: Log[], now: number) => Log[]]>([
    [{ do: 'logs-window', lines: 4 }, (logs) => logs.slice(-4)],
    [{ do: 'logs-window', lines: 0 }, () => []],
    [{ do: 'logs-twice' }, (logs) => logs.flatMap((log) => [log, log])],
    [
      { do: 'logs-late', lateMs: 500 },
      (logs, now) => logs.filter(({ timestamp }) => Date.parse(`${timestamp}Z`) + 500 <= now),
    ],
  ])('of a status read are changed: %j', async (fault, expected) => {
    const clock = manualClock();
    const { fal } = await faulty([{ on: 'status', nth: { from: 2 }, ...fault }], { clock, speed: 'quick' });
    const { request_id: requestId } = await fal.queue.submit(endpoint, { input });
    clock.advance(1500);
    const logs = async (withLogs = true) =>
      ((await fal.queue.status(endpoint, { requestId, logs: withLogs })) as unknown as Event).logs;
    const [right, changed] = [await logs(), await logs()];
    expect(right.length).toBeGreaterThan(5);
    expect(changed).toEqual(expected(right, clock.now()));
    expect(changed).not.toEqual(right);
    expect(await logs(false)).toBeNull();
  });
});
