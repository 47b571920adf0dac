/** Who stands at the other end of a request, for the context that its operations get. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

export type Caller = {
  transport: 'HTTP' | 'WEBSOCKET';
  headers: IncomingHttpHeaders;
  remoteAddress: string | undefined;
  /** What connection_init carried; nothing over HTTP. */
  connectionParams: Record<string, unknown>;
};

/** What a context says of its caller to the server: whose limits count, and how to hear that they are let in no longer. */
export type RequestContext = {
  [part: string]: unknown;
  session?: {
    ownerId: string;
    /** Whether the limits of an owner hold for them; they do not for the person at this machine. */
    isLimited: boolean;
    /** Calls `end` once, when it is over. Returns how to stop watching. */
    watch(end: () => void): () => void;
    /** Whether they may ask what the schema holds. */
    mayIntrospect: boolean;
    /** Two sessions of which this is the same are answered alike: whose rows they are shown, and what they may. */
    authorizationKey: string;
  };
};

/**
 * Runs once for each operation, and once more for each WebSocket's connection_init. It refuses with AccessDenied, or with
 * null, which is 403: over WebSocket each closes it with 4403. What else it throws is unforeseen.
 */
export type ContextOf = (caller: Caller) => Promise<RequestContext | null> | RequestContext | null;

export const httpCaller = (request: IncomingMessage): Caller => ({
  transport: 'HTTP',
  headers: request.headers,
  remoteAddress: request.socket.remoteAddress,
  connectionParams: {},
});

/** What a socket keeps of the request that it began with, and of which the rest may go. */
export type SocketCaller = Pick<Caller, 'headers' | 'remoteAddress'>;

export const socketCaller = (from: SocketCaller, connectionParams: Record<string, unknown> = {}): Caller => ({
  transport: 'WEBSOCKET',
  headers: from.headers,
  remoteAddress: from.remoteAddress,
  connectionParams,
});
