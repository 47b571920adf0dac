/** The hook of /webhooks/*: what it is given of a call, and what becomes of its answer. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { WebhookRequest, WebhookResponse } from '../../../src/fal/webhook/receive.ts';
import { openWorld } from '../world.ts';

const noted: WebhookResponse = { status: 200, headers: {}, message: 'Noted.' };
const path = '/webhooks/fal/a-token';

/** Reads the body of each call, and answers as the test chooses. */
async function openHook(answer: WebhookResponse = noted) {
  const calls: (WebhookRequest & { body: string })[] = [];
  const world = await openWorld({
    limits: { requestBytes: 1_000 },
    receiveWebhook: async (request) => {
      const body = Buffer.from(await request.readBody()).toString('latin1');
      calls.push({ ...request, body });
      return answer;
    },
  });
  return { ...world, calls };
}

describe('a call', () => {
  test('is handed on, its body byte for byte', async () => {
    const { url, calls } = await openHook();
    const body = Buffer.from([0, 255, 128, 13, 10]);
    const answer = await fetch(`${url}${path}?x=1`, { method: 'POST', body, headers: { 'x-one': '1' } });
    expect([answer.status, await answer.json()]).toEqual([200, { message: 'Noted.' }]);
    expect(calls).toMatchObject([{ method: 'POST', path, body: body.toString('latin1') }]);
    expect(calls[0]?.headers['x-one']).toBe('1');
  });

  test('comes from any host and any site: it is no browser’s', async () => {
    const { url, calls } = await openHook();
    const headers = { host: 'likeness.example', 'sec-fetch-site': 'cross-site', origin: 'https://fal.ai' };
    expect((await fetch(url + path, { method: 'POST', body: 'x', headers })).status).toBe(200);
    expect(calls).toHaveLength(1);
  });

  test.each([401, 405, 503] as const)('that is answered %i says so, with the headers of it', async (status) => {
    const { url } = await openHook({ status, headers: { 'retry-after': '60' }, message: 'No.' });
    const answer = await fetch(url + path, { method: 'POST', body: 'x' });
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([status, '60']);
    expect(await answer.json()).toMatchObject({ errors: [{ message: 'No.' }] });
  });

  test('with too large a body is refused, at its announcement or at the byte too much', async () => {
    const { url, calls } = await openHook();
    expect((await fetch(url + path, { method: 'POST', body: 'x'.repeat(1_001) })).status).toBe(413);
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n`);
    for (let n = 0; n < 3; n += 1) socket.write(`1f4\r\n${'x'.repeat(500)}\r\n`);
    const [head] = (await once(socket, 'data')) as [Buffer];
    expect(head.toString()).toMatch(/^HTTP\/1.1 413 /);
    socket.destroy();
    expect(calls).toEqual([]);
  });

  test('leaves its token in no line of the log', async () => {
    const { url, lines } = await openHook({ ...noted, status: 401 });
    await fetch(url + path, { method: 'POST', body: 'x' });
    await expect.poll(() => lines.map(({ path }) => path)).toEqual(['/webhooks/fal/…']);
  });
});

test('without a hook there is nothing there', async () => {
  const { url } = await openWorld();
  expect((await fetch(url + path, { method: 'POST', body: 'x' })).status).toBe(404);
});
