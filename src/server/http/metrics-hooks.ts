/** Hooks for the server's metrics: its requests by route, and refusals by limit. */

/** The values of the label `route`. Never a path as it came: clients could make up any number of them. */
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

export type RequestMetrics = { route: Route; method: string; status: number; ms: number };

/** The limits whose refusals are counted. */
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

export type ServerMetrics = {
  onRequest: (request: RequestMetrics) => void;
  onRefused: (limit: LimitName) => void;
};

export const noMetrics: ServerMetrics = { onRequest: () => undefined, onRefused: () => undefined };

const known = new Set<string>(routes);

export function routeOf(path: string, isStream: boolean): Route {
  if (path === '/graphql') return isStream ? '/graphql (stream)' : path;
  const first = /^\/[^/]*/.exec(path)?.[0] ?? '';
  if (first === '/files' || first === '/webhooks') return first;
  return first === path && known.has(path) ? (path as Route) : 'other';
}
