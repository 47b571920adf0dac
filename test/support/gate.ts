/** A proxy in front of fal that a test can shut: a request that it names is held, before it reaches fal or on its way back. */
import { once } from 'node:events';
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer, text } from 'node:stream/consumers';

export type Hold = {
  /** Resolves when a request is held. */
  reached: Promise<void>;
  /** Lets it through. */
  release(): void;
};

export type Gate = {
  url: string;
  /** Holds the next request whose `METHOD /path` matches: before fal sees it, or when fal has answered it. */
  hold(request: RegExp, when: 'BEFORE' | 'AFTER'): Hold;
  /** How many requests that match have reached fal. */
  count(request: RegExp): number;
  close(): Promise<void>;
};

export async function openGate(target: string): Promise<Gate> {
  const holds: { request: RegExp; when: 'BEFORE' | 'AFTER'; reach: () => void; released: Promise<void> }[] = [];
  const forwarded: string[] = [];
  let url = '';

  const passed = async (line: string, when: 'BEFORE' | 'AFTER') => {
    const index = holds.findIndex((hold) => hold.when === when && hold.request.test(line));
    const [hold] = index < 0 ? [] : holds.splice(index, 1);
    hold?.reach();
    await hold?.released;
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const line = `${request.method} ${request.url}`;
    response.on('error', () => undefined);
    await passed(line, 'BEFORE');
    if (request.socket.destroyed) return;
    forwarded.push(line);
    const body = await buffer(request);
    const isJson = request.headers['content-type'] === 'application/json';
    const given = isJson ? Buffer.from(body.toString().replaceAll(url, target)) : body;
    const headers = { ...request.headers, 'content-length': given.length };
    const onward = forward(target + request.url, { method: request.method, headers });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    onward.end(given);
    const [answer] = await once(onward, 'response').catch(() => []);
    if (answer === undefined) return;
    await passed(line, 'AFTER');
    if (answer.headers['content-type'] === 'application/json') {
      // fal's URLs lead through the gate as well.
      const told = (await text(answer)).replaceAll(target, url);
      const { 'content-length': _length, ...rest } = answer.headers;
      response.writeHead(answer.statusCode, rest).end(told);
      return;
    }
    response.writeHead(answer.statusCode, answer.headers);
    // An event stream's head must not wait for its first event.
    response.flushHeaders();
    answer.pipe(response);
  };
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url,
    hold(request, when) {
      let reach: () => void = () => undefined;
      let release: () => void = () => undefined;
      const reached = new Promise<void>((resolve) => {
        reach = resolve;
      });
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      holds.push({ request, when, reach, released });
      return { reached, release };
    },
    count: (request) => forwarded.filter((line) => request.test(line)).length,
    async close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
