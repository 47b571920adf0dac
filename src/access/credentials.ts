/** What a request says about who sends it: over HTTP in its headers, over a WebSocket also in connection_init. */
import type { IncomingHttpHeaders } from 'node:http';
import { invalid } from './access-denied.ts';

export type Credentials = {
  /** An API key or a JWT; undefined when there is none. */
  bearer: string | undefined;
  /** Whom it acts for, by the caller's own id. */
  actFor: string | undefined;
};

/** What else clients of graphql-ws and GraphiQL put headers in. */
const nested = 'headers';

/**
 * connection_init goes first: a browser cannot set a WebSocket's headers. Names are read in any case. Throws AccessDenied
 * for an Authorization that is no Bearer.
 */
export function readCredentials(headers: IncomingHttpHeaders, connectionParams: Record<string, unknown>): Credentials {
  const inner = connectionParams[nested];
  const places = [connectionParams, typeof inner === 'object' && inner !== null ? inner : {}, headers];
  const authorization = places.map((place) => find(place, 'authorization')).find((value) => isText(value));
  const actFor = places.map((place) => find(place, 'x-likeness-user')).find((value) => value !== undefined);
  return {
    bearer: authorization === undefined ? undefined : bearerOf(authorization),
    // What is sent and is no id is refused with those that are none: never the caller's own account instead.
    actFor: actFor === undefined || isText(actFor) ? actFor : '',
  };
}

function bearerOf(authorization: string): string {
  const [, bearer] = /^Bearer +([\w.~+/=-]{1,8192})$/i.exec(authorization.trim()) ?? [];
  if (bearer === undefined) throw invalid('The Authorization is no `Bearer` with a key or a token.');
  return bearer;
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** Asked for each request, and of all its headers. */
function find(place: object, name: string): unknown {
  for (const key of Object.keys(place)) {
    if (key.length === name.length && key.toLowerCase() === name) return (place as Record<string, unknown>)[key];
  }
  return undefined;
}
