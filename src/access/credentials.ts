/** A request's credentials, from its HTTP headers and, over a WebSocket, from connection_init. */
import type { IncomingHttpHeaders } from 'node:http';
import { invalidCredentials } from './access-denied.ts';

export type Credentials = {
  /** An API key or a JWT; undefined when there is none. */
  bearer: string | undefined;
  /** The end user that the request acts for: the caller's own id for that user. */
  actFor: string | undefined;
};

/** The field of connection_init that graphql-ws clients and GraphiQL put headers in. */
const nested = 'headers';

/**
 * connection_init takes precedence over the headers, because a browser cannot set a WebSocket's headers. Names are
 * case-insensitive.
 * Throws AccessDenied for an Authorization that is not a Bearer.
 */
export function readCredentials(headers: IncomingHttpHeaders, connectionParams: Record<string, unknown>): Credentials {
  const inner = connectionParams[nested];
  const sources = [connectionParams, typeof inner === 'object' && inner !== null ? inner : {}, headers];
  const authorization = sources.map((source) => find(source, 'authorization')).find((value) => isText(value));
  const actFor = sources.map((source) => find(source, 'x-likeness-user')).find((value) => value !== undefined);
  return {
    bearer: authorization === undefined ? undefined : bearerOf(authorization),
    // A value that is not a string becomes an invalid id and is refused. The request never falls back to the caller's own account.
    actFor: actFor === undefined || isText(actFor) ? actFor : '',
  };
}

function bearerOf(authorization: string): string {
  const [, bearer] = /^Bearer +([\w.~+/=-]{1,8192})$/i.exec(authorization.trim()) ?? [];
  if (bearer === undefined)
    throw invalidCredentials('The Authorization header must be `Bearer` and an API key or a token.');
  return bearer;
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** Written for speed: runs over all headers of each request. */
function find(source: object, name: string): unknown {
  for (const key of Object.keys(source)) {
    if (key.length === name.length && key.toLowerCase() === name) return (source as Record<string, unknown>)[key];
  }
  return undefined;
}
