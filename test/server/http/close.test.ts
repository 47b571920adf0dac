/** Closing the server: what each kind of client receives, and how long the server waits for it. */
import { once } from 'node:events';
import { describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { createServer } from '../../../src/server/server.ts';
import { gql, openSocket, sse } from '../../support/http.ts';
import { converse } from '../../support/raw.ts';
import { openWorld } from '../world.ts';

const follow = 'subscription { follow }';

describe('closing', () => {
  test('asks sockets to reconnect, ends streams, and closes their subscriptions', async () => {
    const { url, server, channel } = await openWorld();
    const closed = vi.fn<(event: unknown) => void>();
    const client = openSocket(url);
    client.on('closed', closed);
    const overSocket = client.iterate({ query: follow }).next();
    const overSse = sse(url, follow).next();
    const outcomes = Promise.allSettled([overSocket, overSse]);
    await vi.waitFor(() => expect(channel.open).toBe(2));
    await server.close(5_000);
    const goingAway = { code: 1001, reason: 'Going away: reconnect' };
    await vi.waitFor(() => expect(closed.mock.calls[0]?.[0]).toMatchObject(goingAway));
    // Neither receives `complete`, after which a client would not reconnect.
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await vi.waitFor(() => expect(channel.open).toBe(0));
  });

  test('waits for a request that is under way, and takes no more', async () => {
    const { url, server, gate } = await openWorld();
    let open: () => void = () => undefined;
    gate.open = new Promise((resolve) => {
      open = resolve;
    });
    const waiting = gql(url, '{ wait }');
    await vi.waitFor(() => expect(gate.waiting).toBe(1));
    const closing = server.close(10_000);
    await vi.waitFor(() => expect(gql(url, '{ hello }')).rejects.toThrow('fetch failed'));
    open();
    expect(await waiting).toEqual({ data: { wait: 'waited' } });
    await closing;
  });

  test('answers on a connection that is kept, once more, that it is not ready', async () => {
    const { url, server, gate } = await openWorld();
    let open: () => void = () => undefined;
    gate.open = new Promise((resolve) => {
      open = resolve;
    });
    const { answer, closed, send } = converse(url, 'GET /graphql?query={wait} HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await vi.waitFor(() => expect(gate.waiting).toBe(1));
    const closing = server.close(10_000);
    send('GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n');
    open();
    await closed;
    await closing;
    expect(answer()).toContain('waited');
  });

  test('cuts what is not done in time', async () => {
    const { url, server, gate } = await openWorld({ limits: { closeTimeoutMs: 60_000 } });
    gate.open = new Promise(() => undefined);
    const waiting = gql(url, '{ wait }').catch((error: Error) => error.message);
    await vi.waitFor(() => expect(gate.waiting).toBe(1));
    const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    await once(socket, 'open');
    socket.pause();
    const startedAt = performance.now();
    await server.close(300);
    // Under the minute that a socket may take to close by itself.
    expect(performance.now() - startedAt).toBeLessThan(30_000);
    expect(await waiting).toBe('fetch failed');
    socket.terminate();
  });

  test('twice is once, and before listening is nothing', async () => {
    const { server, url, options } = await openWorld();
    await createServer(options).close(1_000);
    await Promise.all([server.close(1_000), server.close(1_000)]);
    await server.close(0);
    await expect(gql(url, '{ hello }')).rejects.toThrow('fetch failed');
  });
});
