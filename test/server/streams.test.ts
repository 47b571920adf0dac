/** Clients that leave, clients that do not read, and what the others notice of them. */
import { once } from 'node:events';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { openSocket, sse, subscribe } from '../support/http.ts';
import { converse } from '../support/raw.ts';
import { openWorld } from './world.ts';

const follow = 'subscription { follow }';

describe('a client that leaves', () => {
  test.each([
    ['WebSocket', subscribe],
    ['server-sent events', sse],
  ])('is released over %s, while its subscription waits', async (_transport, open) => {
    const { url, channel } = await openWorld();
    const subscription = open(url, follow);
    const first = subscription.next();
    await vi.waitFor(() => expect(channel.open).toBe(1));
    channel.publish('hello');
    expect(await first).toMatchObject({ value: { data: { follow: 'hello' } } });
    await subscription.close();
    await vi.waitFor(() => expect(channel.open).toBe(0));
  });

  test('is released when it leaves before its subscription has started', async () => {
    const { url, channel, gate } = await openWorld();
    let begin: () => void = () => undefined;
    gate.open = new Promise((resolve) => {
      begin = resolve;
    });
    const request = `GET /graphql?query=${encodeURIComponent('subscription { late }')} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`;
    const { leave } = converse(url, request);
    const client = openSocket(url);
    const results = client.iterate({ query: 'subscription { late }' });
    const next = results.next();
    await vi.waitFor(() => expect(gate.waiting).toBe(2));
    leave();
    await results.return?.();
    await next;
    await client.dispose();
    begin();
    await vi.waitFor(() => expect([channel.open, channel.opened]).toEqual([0, 2]));
  });

  test('is released a thousand times, and nothing is left', async () => {
    // fetch puts a new connection in the place of each that it cuts: the server closes those when they stay silent.
    const { url, channel, connections } = await openWorld({ limits: { headersTimeoutMs: 5_000 } });
    for (let round = 0; round < 10; round += 1) {
      const clients = Array.from({ length: 10 }, () => openSocket(url));
      const overSockets = clients.flatMap((client) =>
        Array.from({ length: 5 }, () => client.iterate({ query: follow })),
      );
      const overSse = Array.from({ length: 50 }, () => sse(url, follow));
      const pending = [...overSockets, ...overSse].map((results) => results.next());
      await vi.waitFor(() => expect(channel.open).toBe(100));
      // Half complete, half vanish.
      await Promise.all(overSockets.slice(0, 25).map(async (results) => results.return?.()));
      clients.slice(5).forEach((client) => client.terminate());
      await Promise.all(overSse.map((subscription) => subscription.close()));
      await Promise.allSettled(pending);
      await Promise.all(clients.map(async (client) => client.dispose()));
      await vi.waitFor(() => expect(channel.open).toBe(0));
    }
    expect(channel.opened).toBe(1_000);
    await vi.waitFor(async () => expect(await connections()).toBe(0));
  });
});

describe('a client that does not read', () => {
  /** A socket whose connection is not read from once it is subscribed. */
  async function openStalled(url: string, ...queries: string[]) {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    onTestFinished(() => socket.terminate());
    await once(socket, 'open');
    socket.send('{"type":"connection_init"}');
    await once(socket, 'message');
    for (const [id, query] of queries.entries()) {
      socket.send(JSON.stringify({ type: 'subscribe', id: String(id), payload: { query } }));
    }
    await once(socket, 'message');
    socket.pause();
    const closed = new Promise<{ code: number; reason: string }>((resolve) => {
      socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    return { socket, closed };
  }

  test('is not pulled from, is closed with 4440 and, when it reads again, receives that code', async () => {
    const { url, endless, lines } = await openWorld({ limits: { stallTimeoutMs: 800 } });
    const { socket, closed } = await openStalled(url, 'subscription { endless(bytes: 100000) }');
    await vi.waitFor(() => expect(endless.open).toBe(1));
    await settled(() => endless.pulled);
    // What the kernel's buffers took, and no more than one message on top.
    expect(endless.pulled).toBeLessThan(200);
    const closing = expect.objectContaining({
      level: 40,
      msg: 'a client does not read: its socket is closed',
    }) as object;
    await vi.waitFor(() => expect(lines).toContainEqual(closing));
    expect(endless.open).toBe(1);
    socket.resume();
    expect(await closed).toEqual({ code: 4440, reason: 'Slow consumer: resume with `after`' });
    await vi.waitFor(() => expect(endless.open).toBe(0));
  });

  test('is cut off when it never reads again', async () => {
    const { url, endless } = await openWorld({ limits: { stallTimeoutMs: 200, closeTimeoutMs: 200 } });
    await openStalled(url, 'subscription { endless(bytes: 100000) }');
    await vi.waitFor(() => expect(endless.open).toBe(1));
    await vi.waitFor(() => expect(endless.open).toBe(0));
  });

  test('is not pulled from over server-sent events either, and cut off', async () => {
    const { url, endless } = await openWorld({ limits: { stallTimeoutMs: 500 } });
    const request = `GET /graphql?query=${encodeURIComponent('subscription { endless(bytes: 100000) }')} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`;
    const { pause, leave, answer } = converse(url, request);
    await vi.waitFor(() => expect(answer()).toContain('event: next'));
    pause();
    await settled(() => endless.pulled);
    expect(endless.open).toBe(1);
    expect(endless.pulled).toBeLessThan(400);
    await vi.waitFor(() => expect(endless.open).toBe(0));
    leave();
  });

  test('is cut off when it does not take a plain answer', async () => {
    const { url, connections } = await openWorld({ limits: { stallTimeoutMs: 300 } });
    const { pause } = converse(url, 'GET /graphql?query={bytes(count:20000000)} HTTP/1.1\r\nHost: localhost\r\n\r\n');
    pause();
    await vi.waitFor(async () => expect(await connections()).toBe(1));
    await vi.waitFor(async () => expect(await connections()).toBe(0));
  });

  test('cannot fill the server by asking: pings and queries of a socket that is not read wait', async () => {
    const { url, lines, connections } = await openWorld({
      limits: { stallTimeoutMs: 500, closeTimeoutMs: 200, socketBufferBytes: 100_000 },
    });
    const { socket } = await openStalled(url, 'subscription { endless(bytes: 10) }');
    const before = process.memoryUsage.rss();
    const query = JSON.stringify({ type: 'subscribe', id: 'q', payload: { query: '{ bytes(count: 500000) }' } });
    const asking = setInterval(() => {
      if (socket.bufferedAmount > 1_000_000) return;
      for (let index = 0; index < 100; index += 1) {
        socket.ping('x'.repeat(100));
        socket.send(query.replace('"q"', `"${Math.random()}"`));
      }
    }, 1);
    await vi.waitFor(async () => expect(await connections()).toBe(0));
    clearInterval(asking);
    const answered = lines.filter((line) => line['msg'] === 'request').length;
    expect(answered).toBeLessThan(300);
    expect((process.memoryUsage.rss() - before) / 1_000_000).toBeLessThan(150);
  });

  test('harms no other: one of three hundred stalls, the others receive every event', async () => {
    const { url, channel, endless } = await openWorld({ limits: { stallTimeoutMs: 2_000, closeTimeoutMs: 500 } });
    const counts = Array.from({ length: 300 }, () => 0);
    const clients = counts.map((_count, index) => {
      const client = openSocket(url);
      const next = () => {
        counts[index] = (counts[index] ?? 0) + 1;
      };
      client.subscribe({ query: follow }, { next, error: () => undefined, complete: () => undefined });
      return client;
    });
    onTestFinished(async () => {
      await Promise.all(clients.map(async (client) => client.dispose()));
    });
    await vi.waitFor(() => expect(channel.open).toBe(300));
    // Its connection is full before the events come, so that they wait in its own queue, which holds a hundred.
    await openStalled(url, follow, 'subscription { endless(bytes: 100000) }');
    await vi.waitFor(() => expect(channel.open).toBe(301));
    await settled(() => endless.pulled);
    const before = process.memoryUsage.rss();
    const events = 200;
    for (let number = 1; number <= events; number += 1) {
      channel.publish(`${number} ${'x'.repeat(2_000)}`);
      await vi.waitFor(() => expect(Math.min(...counts)).toBe(number), { interval: 1 });
    }
    expect(channel.open).toBe(300);
    expect(new Set(counts)).toEqual(new Set([events]));
    expect((process.memoryUsage.rss() - before) / 1_000_000).toBeLessThan(150);
    await vi.waitFor(() => expect(endless.open).toBe(0));
  });
});

/** When a number has not changed for a while. */
async function settled(read: () => number): Promise<void> {
  let last = -1;
  await vi.waitFor(
    () => {
      const now = read();
      const isSame = now === last;
      last = now;
      expect(isSame).toBe(true);
    },
    { interval: 100 },
  );
}
