/** All writes of one tick to a connection leave as one write, for any number of operations. */
import { once } from 'node:events';
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { cork } from '../../../src/server/websocket/cork.ts';
import { openWorld } from '../world.ts';

test('each connection is written to once, and the caller that corked it is notified', async () => {
  const pieces: string[][] = [];
  const open = (name: string) =>
    new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        pieces.push([`${name}${chunk.toString()}`]);
        done();
      },
      writev: (chunks, done) => {
        pieces.push(chunks.map(({ chunk }) => `${name}${(chunk as Buffer).toString()}`));
        done();
      },
    });
  const [one, two] = [open('a'), open('b')];
  const then = vi.fn<() => void>();
  for (let tick = 0; tick < 2; tick += 1) {
    cork(one, then);
    cork(two, then);
    for (const connection of [one, two]) for (const text of ['1', '2', '3']) connection.write(text);
    expect(pieces).toHaveLength(2 * tick);
    await new Promise<void>((resolve) => void setImmediate(resolve));
    expect(pieces).toHaveLength(2 * tick + 2);
  }
  expect(pieces).toEqual([
    ['a1', 'a2', 'a3'],
    ['b1', 'b2', 'b3'],
    ['a1', 'a2', 'a3'],
    ['b1', 'b2', 'b3'],
  ]);
  expect(then).toHaveBeenCalledTimes(4);
});

test('twenty subscriptions of one socket receive an event in one write', async () => {
  const { url, channel } = await openWorld();
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  onTestFinished(() => socket.terminate());
  await once(socket, 'open');
  socket.send('{"type":"connection_init"}');
  await once(socket, 'message');
  for (let id = 0; id < 20; id += 1) {
    socket.send(JSON.stringify({ type: 'subscribe', id: String(id), payload: { query: 'subscription { follow }' } }));
  }
  await vi.waitFor(() => expect(channel.open).toBe(20));
  const received: string[] = [];
  socket.on('message', (data: Buffer) => received.push(data.toString()));
  const writes = vi.spyOn(Socket.prototype, '_write');
  const pieces = vi.spyOn(Socket.prototype as unknown as { _writev: (chunks: unknown[]) => void }, '_writev');
  onTestFinished(() => void vi.restoreAllMocks());
  channel.publish('hello');
  await vi.waitFor(() => expect(received).toHaveLength(20));
  // Each message is its frame's head and its text.
  expect(pieces.mock.calls.map(([chunks]) => chunks.length)).toEqual([40]);
  expect(writes).not.toHaveBeenCalled();
});
