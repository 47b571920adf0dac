/**
 * fal closes its connection before the client has read the response. In this case undici 7 fails an assertion outside of
 * every promise, which ends the process (https://github.com/nodejs/undici/issues/5360). Vitest reports it as an unhandled
 * error.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { createFal } from '../../src/fal/client.ts';
import { openTransport } from '../../src/fal/http/transport.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A server that answers every request with `byteSize` bytes and closes. `finished` resolves when it has sent both. */
async function openClosingServer(byteSize: number, type: string) {
  const head = `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Length: ${byteSize}\r\nConnection: close\r\n\r\n`;
  let finished = Promise.resolve();
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    finished = new Promise((resolve) => {
      socket.once('data', () => {
        socket.write(head);
        socket.end('x'.repeat(byteSize), resolve);
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  return { url: `http://127.0.0.1:${address.port}`, finished: () => finished };
}

/** Waits long enough for the client to notice what the server has sent over loopback. */
async function settle() {
  for (let turns = 0; turns < 200; turns += 1) await turn();
}

it('downloads a file completely although the connection closed before it was read', async () => {
  const fal = await openClosingServer(150_000, 'image/png');
  const client = createFal({
    key: 'id:secret',
    baseUrl: fal.url,
    log: { debug: () => undefined, warn: () => undefined },
  });
  closing.push(() => client.close());
  const body = await client.download(`${fal.url}/files/x.png`, { maxBytes: 200_000 });
  await fal.finished();
  await settle();
  expect(await buffer(body)).toHaveLength(150_000);
});

it('reads a stream completely although the connection closed before it was read', async () => {
  const fal = await openClosingServer(40_000, 'text/event-stream');
  const transport = openTransport({ baseUrl: fal.url, connectMs: 1000 });
  closing.push(() => transport.close());
  const call = { url: 'https://queue.fal.run/status', method: 'GET', headers: {} };
  const { response, release } = await transport.open(call, {
    name: 'stream',
    openMs: 5000,
    signal: new AbortController().signal,
  });
  await fal.finished();
  await settle();
  expect(await response.text()).toHaveLength(40_000);
  release();
});
