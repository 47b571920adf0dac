/** A broadcast with `ws` and nothing else: one buffer, sent to every socket that said which job it is about. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Contender } from './contender.ts';
import { operationId, payloadOf } from './document.ts';
import type { MemoryLog } from './memory-log.ts';

export async function startBare(log: MemoryLog): Promise<Contender> {
  const followers = new Map<string, Set<WebSocket>>();
  const http = createServer();
  const sockets = new WebSocketServer({ server: http, perMessageDeflate: false });
  sockets.on('connection', (socket, request) => {
    const jobId = request.url?.slice(1) ?? '';
    const ofJob = followers.get(jobId) ?? new Set();
    followers.set(jobId, ofJob.add(socket));
    socket.on('close', () => ofJob.delete(socket));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    port: (http.address() as AddressInfo).port,
    tell(job, count) {
      for (let n = 0; n < count; n += 1) {
        const text = `{"id":"${operationId(0)}","type":"next","payload":${payloadOf(log.append(job))}}`;
        const message = Buffer.from(text);
        for (const socket of followers.get(job.id) ?? []) socket.send(message, { binary: false });
      }
    },
  };
}
