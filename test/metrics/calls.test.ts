/** Each request to fal, as it is counted: what it was for, and what came of it, whatever that is. */
import { finished } from 'node:stream/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { FalOptions } from '../../src/fal/client.ts';
import type { CallMetrics } from '../../src/fal/http/metrics-hooks.ts';
import {
  cancelRoute,
  endpoint,
  openAdapter,
  requestId,
  resultRoute,
  statusRoute,
  streamRoute,
  submitRoute,
} from '../support/adapter.ts';
import { type Act, event, hang, json, reset, resetMidBody, sse, text } from '../support/scripted-fal.ts';

async function open(options: Partial<FalOptions> = {}) {
  const calls: CallMetrics[] = [];
  const adapter = await openAdapter({ onCall: (call) => void calls.push(call), ...options });
  onTestFinished(() => adapter.close());
  return { ...adapter, outcomes: () => calls.map(({ call, outcome }) => `${call} ${outcome}`), calls };
}

const accepted = { request_id: requestId, status: 'IN_QUEUE', queue_position: 0 };

test.each<[string, Act]>([
  ['ok', json(200, accepted)],
  ['4xx', json(422, { detail: 'no' })],
  ['429', json(429, { detail: 'slow down' })],
  ['5xx', json(503, { detail: 'down' })],
  ['network', reset],
  ['network', resetMidBody],
  ['timeout', hang],
])('a submit counts as %s', async (outcome, act) => {
  const { fal, server, outcomes, calls } = await open({ timeouts: { submitMs: 300 } });
  server.script(submitRoute, act);
  await fal.submit(endpoint, { prompt: 'a fox' }).catch(() => undefined);
  expect(outcomes()).toEqual([`submit ${outcome}`]);
  expect(calls[0]?.ms).toBeGreaterThan(0);
});

test('where nobody listens, the network is what failed', async () => {
  const { fal, outcomes } = await open({ baseUrl: 'http://127.0.0.1:1' });
  await fal.cancel(endpoint, requestId).catch(() => undefined);
  expect(outcomes()).toEqual(['cancel network', 'cancel network', 'cancel network']);
});

test('each attempt of a read, a cancel, and what this server gave up itself', async () => {
  const { fal, server, outcomes } = await open();
  server.script(resultRoute, json(502, {}), json(200, { images: [] }));
  await fal.result(endpoint, requestId);
  server.script(cancelRoute, json(404, { status: 'NOT_FOUND' }));
  await fal.cancel(endpoint, requestId);
  server.script(statusRoute, hang);
  const leave = new AbortController();
  const asked = fal.status(endpoint, requestId, leave.signal).catch(() => undefined);
  await server.nth(statusRoute, 1);
  leave.abort();
  await asked;
  expect(outcomes()).toEqual(['result 5xx', 'result ok', 'cancel 4xx', 'status left']);
});

test('a stream that ends, breaks, falls silent, is refused, or is left', async () => {
  const { fal, server, outcomes } = await open({ timeouts: { streamSilenceMs: 300 } });
  server.always(statusRoute, json(202, { ...accepted, status: 'IN_PROGRESS' }));
  const working = event({ ...accepted, status: 'IN_PROGRESS', logs: [] });
  server.script(
    streamRoute,
    sse([working], 'reset'),
    sse([working], 'stall'),
    json(500, {}),
    sse([event({ ...accepted, status: 'COMPLETED', logs: [] })]),
  );
  for await (const _status of fal.follow(endpoint, requestId, new AbortController().signal)) continue;
  const streams = () => outcomes().filter((seen) => seen.startsWith('stream'));
  expect(streams()).toEqual(['stream network', 'stream timeout', 'stream 5xx', 'stream ok']);
  expect(outcomes().filter((seen) => seen.startsWith('status') && seen !== 'status ok')).toEqual([]);

  server.script(streamRoute, sse([working], 'stall'));
  const leave = new AbortController();
  for await (const _status of fal.follow(endpoint, requestId, leave.signal)) {
    if (server.at(streamRoute).length === 5) leave.abort();
  }
  expect(streams().at(-1)).toBe('stream left');
});

test('a file: whole, gone, broken off, silent', async () => {
  const { fal, server, outcomes } = await open({ timeouts: { downloadIdleMs: 300 } });
  server.script('GET /file', text(200, 'whole'), json(404, {}), resetMidBody, (response) => {
    response.writeHead(200, { 'content-length': '10' }).flushHeaders();
  });
  const options = { maxBytes: 1_000 };
  const read = async () => {
    const file = await fal.download(`${server.url}/file`, options);
    await finished(file.resume());
  };
  const wanted = ['download ok', 'download 4xx', 'download network', 'download timeout'];
  for (const [n] of wanted.entries()) {
    await read().catch(() => undefined);
    // The connection's own end may come a moment later than what its reader is told.
    await vi.waitFor(() => expect(outcomes()).toHaveLength(n + 1));
  }
  expect(outcomes()).toEqual(wanted);
});
