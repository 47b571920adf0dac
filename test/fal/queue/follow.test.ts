import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RequestStatus } from '../../../src/fal/port.ts';
import {
  type Adapter,
  endpoint,
  key,
  openAdapter,
  rejection,
  requestId,
  statusRoute,
  streamRoute,
} from '../../support/adapter.ts';
import { type Act, event, hang, json, reset, resetMidBody, sse, text, write } from '../../support/scripted-fal.ts';

const queued = { status: 'IN_QUEUE', queue_position: 2, logs: null };
const running = (...messages: string[]) => ({
  status: 'IN_PROGRESS',
  logs: messages.map((message, at) => ({ message, timestamp: `2024-12-20T15:37:1${at}.120314`, labels: {} })),
});
const done = { status: 'COMPLETED', logs: [], metrics: { inference_time: 17.8 } };

let adapter: Adapter;
let leaving: AbortController;
beforeEach(async () => {
  adapter = await openAdapter({ timeouts: { readMs: 1_000, streamOpenMs: 1_000, streamSilenceMs: 1_000 } });
  leaving = new AbortController();
});
afterEach(async () => adapter.close());

const followed = () => adapter.fal.follow(endpoint, requestId, leaving.signal);
async function all(): Promise<RequestStatus[]> {
  const seen: RequestStatus[] = [];
  for await (const status of followed()) seen.push(status);
  return seen;
}
const words = (statuses: RequestStatus[]) => statuses.map(({ status }) => status);

describe('a stream that works', () => {
  it('is read after one read of the status, and ends with COMPLETED', async () => {
    adapter.server.script(statusRoute, json(202, queued));
    adapter.server.script(streamRoute, sse([event(running('a')), ': ping\n\n', event(running('b')), event(done)]));
    const seen = await all();
    expect(words(seen)).toEqual(['IN_QUEUE', 'IN_PROGRESS', 'IN_PROGRESS', 'COMPLETED']);
    expect(seen[0]?.queuePosition).toBe(2);
    expect(seen.flatMap(({ logs }) => logs.map(({ message }) => message))).toEqual(['a', 'b']);
    expect(adapter.server.seen.map(({ path, query }) => path.slice(-7) + query)).toEqual([
      '/status?logs=1',
      '/stream?logs=1',
    ]);
    expect(adapter.server.at(streamRoute)[0]?.headers).toMatchObject({
      authorization: `Key ${key}`,
      accept: 'text/event-stream',
      'x-fal-sim-host': 'queue.fal.run',
    });
  });

  it('is not opened for a request that is done', async () => {
    adapter.server.script(
      statusRoute,
      json(200, { ...done, error: 'Runner disconnected', error_type: 'runner_disconnected' }),
    );
    const seen = await all();
    expect(seen).toEqual([
      {
        status: 'COMPLETED',
        queuePosition: undefined,
        logs: [],
        error: { type: 'runner_disconnected', message: 'Runner disconnected' },
      },
    ]);
    expect(adapter.server.seen).toHaveLength(1);
  });

  it('decodes characters that arrive in pieces, and closes its connection even if fal does not', async () => {
    const bar = ' 36%|███▌      | 10/28 прогресс';
    const bytes = Buffer.from(event(running(bar)) + event(done));
    adapter.server.script(statusRoute, json(202, queued));
    adapter.server.script(
      streamRoute,
      sse(
        [...bytes].map((byte) => Uint8Array.of(byte)),
        'stall',
      ),
    );
    const seen = await all();
    expect(seen[1]?.logs[0]?.message).toBe(bar);
    await adapter.server.at(streamRoute)[0]?.closed;
  });
});

describe('after a stream fails, the client polls', () => {
  it.each<[string, Act]>([
    ['closed before a byte', sse([])],
    ['closed too early', sse([event(running())])],
    ['reset', sse([event(running())], 'reset')],
    ['reset before its headers', reset],
    ['no headers', hang],
    ['silent', sse([event(running())], 'stall')],
    ['cut in an event', sse(['data: {"status":'])],
    ['garbage', sse(['data: {"status":\n\n'], 'stall')],
    ['no status', sse([event({ status: 'CONFUSED' })], 'stall')],
    ['an endless line', sse(['data: ', 'x'.repeat(5_000_000)], 'stall')],
    ['refused with 404', json(404, { status: 'NOT_FOUND' })],
    ['refused with 401', json(401, {})],
    ['refused with 503', json(503, {})],
    ['JSON instead of events', json(200, running())],
    ['a redirect', text(302, '', { location: '/elsewhere' })],
  ])('%s', async (_name, act) => {
    adapter.server.script(statusRoute, json(202, queued), json(202, running('a')), json(200, done));
    adapter.server.script(streamRoute, act);
    const seen = await all();
    expect(words(seen.slice(0, 1))).toEqual(['IN_QUEUE']);
    expect(words(seen.slice(-2))).toEqual(['IN_PROGRESS', 'COMPLETED']);
    expect(adapter.server.at(streamRoute)).toHaveLength(1);
    expect(adapter.slept).toEqual([1000, 2000]);
    expect(adapter.logged).toHaveLength(1);
    expect(adapter.logged.join()).toContain(requestId);
    await adapter.server.at(streamRoute)[0]?.closed;
  });

  it('and tries the stream again after a while, with reads 1 to 3 s apart', async () => {
    adapter.server.script(statusRoute, json(202, queued));
    adapter.server.always(statusRoute, json(202, running()));
    adapter.server.script(streamRoute, json(503, {}), sse([event(done)]));
    await all();
    expect(adapter.server.at(statusRoute)).toHaveLength(9);
    expect(adapter.slept).toEqual([1000, 2000, 3000, 3000, 3000, 3000, 3000, 3000]);
  });

  it('comments alone keep a quiet stream open', async () => {
    adapter.server.script(statusRoute, json(202, queued));
    adapter.server.script(streamRoute, async (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const startedAt = performance.now();
      while (performance.now() - startedAt < 1_500) {
        await write(response, ': ping\n\n');
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      response.end(event(done));
    });
    expect(words(await all())).toEqual(['IN_QUEUE', 'COMPLETED']);
  });
});

describe('reading the status meanwhile', () => {
  it.each<[string, Act]>([
    ['429', json(429, {})],
    ['500', json(500, { detail: 'x', error_type: 'internal_error' })],
    ['502', text(502, '<html>')],
    ['reset', reset],
    ['reset in the answer', resetMidBody],
    ['no answer', hang],
    ['HTML', text(200, '<html>')],
    ['a status of no meaning', json(200, { status: 'CONFUSED' })],
    ['one 404', json(404, { status: 'NOT_FOUND' })],
  ])('rides out %s', async (_name, act) => {
    adapter.server.script(statusRoute, act, json(200, done));
    expect(words(await all())).toEqual(['COMPLETED']);
    expect(adapter.slept).toEqual([1000]);
  });

  it('waits as Retry-After asks, a minute at most', async () => {
    adapter.server.script(
      statusRoute,
      json(429, {}, { 'retry-after': '20' }),
      json(503, {}, { 'retry-after': '3600' }),
      json(200, done),
    );
    await all();
    expect(adapter.slept).toEqual([20_000, 60_000]);
  });

  it.each([
    ['401', [json(401, {})], 'FAL_UNAUTHORIZED'],
    ['403', [json(403, {})], 'FAL_UNAUTHORIZED'],
    ['404 three times', [json(404, {}), json(404, {}), json(404, {})], 'RESULT_LOST'],
    ['410 three times', [json(410, {}), json(410, {}), json(410, {})], 'RESULT_LOST'],
    ['405', [json(405, {})], 'INVALID_INPUT'],
  ])('gives up on %s', async (_name, acts, code) => {
    adapter.server.script(statusRoute, ...acts);
    expect(await rejection(all())).toMatchObject({ name: 'FalError', code, transient: false });
  });

  it.each([
    '../../../other/app/requests/1',
    'not-a-uuid',
    '',
    `${requestId}/cancel`,
  ])('rejects the request id %j before it gets into a URL', async (id) => {
    const next = adapter.fal.follow(endpoint, id, leaving.signal)[Symbol.asyncIterator]().next();
    expect(await rejection(next)).toMatchObject({ code: 'RESULT_LOST', transient: false });
    expect(adapter.server.seen).toEqual([]);
  });
});

describe('an abort ends it without an error and releases everything', () => {
  it.each<[string, Act, Act, string]>([
    ['before the first answer', hang, hang, statusRoute],
    ['while the stream is opened', json(202, queued), hang, streamRoute],
    ['while the stream is quiet', json(202, queued), sse([event(running())], 'stall'), streamRoute],
  ])('%s', async (_name, status, stream, route) => {
    const patient = await openAdapter();
    patient.server.script(statusRoute, status);
    patient.server.script(streamRoute, stream);
    const following = (async () => {
      const seen: string[] = [];
      for await (const { status } of patient.fal.follow(endpoint, requestId, leaving.signal)) seen.push(status);
      return seen;
    })();
    const { closed } = await patient.server.nth(route, 1);
    leaving.abort();
    expect(await following).not.toContain('COMPLETED');
    await closed;
    await patient.close();
  });

  it('between two reads', async () => {
    const { fal, server, close } = await openAdapter({
      sleep: async (_ms, signal) => {
        leaving.abort();
        expect(signal?.aborted).toBe(true);
      },
    });
    server.script(statusRoute, json(202, queued));
    server.script(streamRoute, json(503, {}));
    const seen: string[] = [];
    for await (const { status } of fal.follow(endpoint, requestId, leaving.signal)) seen.push(status);
    expect(seen).toEqual(['IN_QUEUE']);
    expect(server.seen).toHaveLength(2);
    await close();
  });

  it('before it began', async () => {
    leaving.abort(new Error('gone'));
    expect(await all()).toEqual([]);
    expect(adapter.server.seen).toEqual([]);
  });

  it('when the reader stops the iteration', async () => {
    adapter.server.script(statusRoute, json(202, queued));
    adapter.server.script(streamRoute, sse([event(running())], 'stall'));
    for await (const { status } of followed()) if (status === 'IN_PROGRESS') break;
    await adapter.server.at(streamRoute)[0]?.closed;
    expect(adapter.server.seen).toHaveLength(2);
  });

  it('when the adapter closes', async () => {
    adapter.server.script(statusRoute, json(202, queued));
    adapter.server.script(streamRoute, sse([event(running())], 'stall'));
    for await (const { status } of followed()) if (status === 'IN_PROGRESS') void adapter.fal.close();
    await adapter.server.at(streamRoute)[0]?.closed;
    expect(adapter.server.seen).toHaveLength(2);
  });

  it('and leaves no listener on the signal after many reads', async () => {
    let listening = 0;
    const { signal } = leaving;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<AbortSignal['addEventListener']>) => {
      listening += 1;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<AbortSignal['removeEventListener']>) => {
      listening -= 1;
      removeEventListener.apply(signal, args);
    };
    adapter.server.script(
      statusRoute,
      json(202, queued),
      ...Array.from({ length: 5 }, () => json(202, running())),
      json(200, done),
    );
    adapter.server.script(streamRoute, json(503, {}));
    await all();
    expect(listening).toBe(0);
  });
});
