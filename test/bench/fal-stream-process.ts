/**
 * A minimal fal in a process of its own. It accepts every request and keeps it in progress, and sends a log line to each
 * open status stream at a fixed interval. The text of a line is the time at which it was sent, in ns of the monotonic clock.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Milliseconds between lines. */
const everyMs = Number(process.argv[2] ?? 10);

const streams = new Map<string, Set<ServerResponse>>();
let lines = 0;

setInterval(() => {
  for (const responses of streams.values()) {
    if (responses.size === 0) continue;
    lines += 1;
    // Each line has a timestamp of its own, because the server drops repeated lines. All processes share the monotonic clock.
    const timestamp = new Date(Date.UTC(2026, 0, 1) + lines).toISOString();
    const logs = [{ timestamp, message: String(process.hrtime.bigint()), labels: {} }];
    const event = `data: ${JSON.stringify({ status: 'IN_PROGRESS', logs })}\n\n`;
    for (const response of responses) response.write(event);
  }
}, everyMs);

const server = createServer((request, response) => {
  const path = new URL(request.url ?? '/', 'http://fal').pathname;
  const id = /\/requests\/([^/]+)/.exec(path)?.[1] ?? '';
  const json = (body: object) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  request.resume();
  if (request.method === 'POST') {
    json({ status: 'IN_QUEUE', request_id: randomUUID(), queue_position: 0 });
  } else if (path.endsWith('/status/stream')) {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    const responses = streams.get(id) ?? new Set();
    streams.set(id, responses.add(response));
    response.once('close', () => responses.delete(response));
  } else if (path.endsWith('/status')) {
    json({ status: 'IN_PROGRESS', request_id: id, logs: [] });
  } else {
    response.writeHead(404).end();
  }
});
server.listen(0, '127.0.0.1', () => {
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.once('disconnect', () => process.exit());
