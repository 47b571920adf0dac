/** The HTTP server's connections: their timeouts, and how they end when the server closes. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Limits } from '../../runtime/limits.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Once `closing` is aborted, each connection ends with the answer that it waits for. */
export function createHttpServer(limits: Limits, closing: AbortSignal, handler: Handler): Server {
  const server = createServer({
    headersTimeout: limits.headersTimeoutMs,
    // Node has one timeout for all requests; that of requests without files is kept where their body is read.
    requestTimeout: Math.max(limits.uploadTimeoutMs, limits.headersTimeoutMs),
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(5_000, limits.headersTimeoutMs / 2),
  });
  server.maxConnections = limits.connections;
  server.timeout = limits.stallTimeoutMs;
  const answers = new WeakMap<Socket, ServerResponse>();
  const onClose = () => {
    if (closing.aborted) server.closeIdleConnections();
  };
  const handle: Handler = (request, response) => {
    answers.set(request.socket, response);
    if (closing.aborted) response.setHeader('connection', 'close');
    response.on('close', onClose);
    handler(request, response);
  };
  // `Expect: 100-continue` is answered where the body is read.
  server.on('request', handle).on('checkContinue', handle);
  server.on('timeout', (socket: Socket) => {
    if (isClientsTurn(socket, answers.get(socket))) socket.destroy();
  });
  return server;
}

/** On a silent connection: whether the client has to read, send or ask next. Otherwise it waits for an answer. */
function isClientsTurn(socket: Socket, answer: ServerResponse | undefined): boolean {
  if (answer === undefined || answer.writableFinished) return true;
  return socket.writableLength > 0 || !answer.req.complete;
}

/** Stops accepting, lets requests finish for `graceMs`, then cuts the rest. */
export async function closeHttpServer(server: Server, graceMs: number): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(cut);
}
