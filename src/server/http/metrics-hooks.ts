/** What is seen of the server from outside: its requests by route, and what its limits refuse. */

/** Never a path as it came: anybody can make up as many of those as they like. */
export const routes = [
  '/graphql',
  '/graphql (stream)',
  '/files',
  '/webhooks',
  '/health',
  '/ready',
  '/metrics',
  '/',
  'other',
] as const;
export type Route = (typeof routes)[number];

export type RequestSeen = { route: Route; method: string; status: number; ms: number };

/** By what a caller had too much of. */
export const limitNames = [
  'operations',
  'requests',
  'sockets',
  'uploads',
  'operations_per_socket',
  'request_bytes',
  'slow_consumer',
] as const;
export type LimitName = (typeof limitNames)[number];

export type ServerSeen = {
  onRequest: (seen: RequestSeen) => void;
  onRefused: (limit: LimitName) => void;
};

export const unseen: ServerSeen = { onRequest: () => undefined, onRefused: () => undefined };

const known = new Set<string>(routes);

export function routeOf(path: string, isStream: boolean): Route {
  if (path === '/graphql') return isStream ? '/graphql (stream)' : path;
  const first = /^\/[^/]*/.exec(path)?.[0] ?? '';
  if (first === '/files' || first === '/webhooks') return first;
  return first === path && known.has(path) ? (path as Route) : 'other';
}
