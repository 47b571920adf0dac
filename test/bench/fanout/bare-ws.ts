/** A broadcast with `ws` and nothing else: each event is one buffer, sent to every socket. The URL's path names the job. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { MemoryLog } from './memory-log.ts';
import type { FanoutServer } from './server.ts';
import { operationId, payloadOf } from './subscription.ts';

export async function startBare(log: MemoryLog): Promise<FanoutServer> {
  const subscribers = new Map<string, Set<WebSocket>>();
  const http = createServer();
  const webSockets = new WebSocketServer({ server: http, perMessageDeflate: false });
  webSockets.on('connection', (socket, request) => {
    const jobId = request.url?.slice(1) ?? '';
    const sockets = subscribers.get(jobId) ?? new Set();
    subscribers.set(jobId, sockets.add(socket));
    socket.on('close', () => sockets.delete(socket));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    port: (http.address() as AddressInfo).port,
    publish(job, count) {
      for (let n = 0; n < count; n += 1) {
        const text = `{"id":"${operationId(0)}","type":"next","payload":${payloadOf(log.append(job))}}`;
        const message = Buffer.from(text);
        for (const socket of subscribers.get(job.id) ?? []) socket.send(message, { binary: false });
      }
    },
  };
}
