/**
 * A load balancer before several processes. It asks each whether it is ready, sends a request to the next one that is, or
 * to another when the connection is refused, and connects WebSockets through.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request as send } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export type Balancer = { url: string; close(): Promise<void> };

/** `backends` are asked for at each request: they come and go. */
export async function openBalancer(backends: () => string[]): Promise<Balancer> {
  let turn = 0;
  let ready: string[] = backends();
  const check = setInterval(() => {
    void (async () => {
      const all = backends();
      const answers = await Promise.all(
        all.map(async (backend) => (await fetch(`${backend}/ready`).catch(() => undefined))?.status === 200),
      );
      ready = all.filter((_, n) => answers[n]);
    })();
  }, 200);
  const inTurn = () => {
    turn += 1;
    return ready.map((_, n) => ready[(turn + n) % ready.length] ?? '');
  };

  const pass = (from: IncomingMessage, body: Buffer, to: string) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { ...from.headers, connection: 'close' };
      const onward = send(`${to}${from.url}`, { method: from.method ?? 'GET', headers }, resolve);
      onward.once('error', reject);
      onward.end(body);
    });

  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      // Until a server takes the request: on a busy machine none may be ready for a while.
      for (; !request.socket.destroyed; await pause(50)) {
        for (const to of inTurn()) {
          try {
            const answer = await pass(request, Buffer.concat(chunks), to);
            response.writeHead(answer.statusCode ?? 502, answer.headers);
            answer.pipe(response);
            answer.once('error', () => response.destroy());
            return;
          } catch (error) {
            if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error;
          }
        }
      }
    })().catch(() => response.destroy());
  });
  server.on('upgrade', (request, socket, head) => {
    const [to = ''] = inTurn();
    const { port, hostname } = new URL(to);
    const onward = connect(Number(port), hostname, () => {
      const lines = Object.entries(request.headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
      onward.write(`GET ${request.url} HTTP/1.1\r\n${lines.join('')}\r\n`);
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    for (const end of [socket, onward]) end.on('error', () => [socket, onward].forEach((each) => each.destroy()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      clearInterval(check);
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
