/** Who stands at the other end of a request, for the context that its operations get. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

export type Caller = {
  transport: 'HTTP' | 'WEBSOCKET';
  headers: IncomingHttpHeaders;
  remoteAddress: string | undefined;
  /** What connection_init carried; nothing over HTTP. */
  connectionParams: Record<string, unknown>;
};

/**
 * Runs once for each operation, and once more for each WebSocket's connection_init. Null refuses the caller: 403 over
 * HTTP, 4403 over WebSocket. What it throws is unforeseen.
 */
export type ContextOf = (caller: Caller) => Promise<object | null> | object | null;

export const httpCaller = (request: IncomingMessage): Caller => ({
  transport: 'HTTP',
  headers: request.headers,
  remoteAddress: request.socket.remoteAddress,
  connectionParams: {},
});

export const socketCaller = (request: IncomingMessage, connectionParams: Record<string, unknown> = {}): Caller => ({
  ...httpCaller(request),
  transport: 'WEBSOCKET',
  connectionParams,
});
