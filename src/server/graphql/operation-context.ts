/** Who sends an operation, and the context that its resolvers get. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

export type Caller = {
  transport: 'HTTP' | 'WEBSOCKET';
  headers: IncomingHttpHeaders;
  remoteAddress: string | undefined;
  /** The payload of a WebSocket's connection_init; empty over HTTP. */
  connectionParams: Record<string, unknown>;
};

/** The context of one operation, made for it alone: plugins keep what they have worked out for an operation under it. */
export type OperationContext = {
  [part: string]: unknown;
  /** Absent where the server knows no callers, as in tests of the server alone. */
  session?: OperationSession;
};

export type OperationSession = {
  ownerId: string;
  /** Whether the limits per owner apply. They do not for the person at this machine. */
  isLimited: boolean;
  /** Whether introspection is allowed even where the server turns it off. */
  mayIntrospect: boolean;
  /** Sessions with the same key see the same rows and have the same scopes, so one result serves them all. */
  authorizationKey: string;
  /** Calls `end` once, when the session expires or is revoked. The returned function cancels that. */
  onEnd(end: () => void): () => void;
};

/**
 * Runs for each operation, and for each WebSocket's connection_init. Throwing AccessDenied, or returning null for 403,
 * refuses the caller; over WebSocket that closes the socket with 4403. Any other error counts as unexpected.
 */
export type CreateContext = (caller: Caller) => Promise<OperationContext | null> | OperationContext | null;

export const httpCaller = (request: IncomingMessage): Caller => ({
  transport: 'HTTP',
  headers: request.headers,
  remoteAddress: request.socket.remoteAddress,
  connectionParams: {},
});

/** What a WebSocket keeps of its handshake, so that the request itself can be freed. */
export type Handshake = Pick<Caller, 'headers' | 'remoteAddress'>;

export const socketCaller = (
  { headers, remoteAddress }: Handshake,
  connectionParams: Record<string, unknown> = {},
): Caller => ({ transport: 'WEBSOCKET', headers, remoteAddress, connectionParams });
