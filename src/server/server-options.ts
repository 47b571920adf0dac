/** What createServer needs, and what each default is. */
import type { GraphQLSchema } from 'graphql';
import type { Logger } from 'pino';
import type { Limits } from '../runtime/limits.ts';
import type { CreateContext } from './graphql/operation-context.ts';
import type { ServeFile } from './http/files.ts';
import type { Checks } from './http/health.ts';
import type { MetricsEndpoint } from './http/metrics.ts';
import type { ServerMetrics } from './http/metrics-hooks.ts';
import type { ReceiveWebhook } from './http/webhooks.ts';
import type { RateStore } from './limits/rate-store.ts';

export type ServerOptions = {
  schema: GraphQLSchema;
  createContext: CreateContext;
  host: string;
  /** 0 takes any free port. */
  port: number;
  /** Where clients reach the server, if that is not `host` and `port`. Requests for its host name are then accepted. */
  publicUrl?: URL;
  log: Logger;
  /** The parts that /ready asks. */
  health: Checks;
  /** Serves /metrics. Default: 404. */
  metricsEndpoint?: MetricsEndpoint | undefined;
  /** Called for each request and each refusal. */
  metrics?: ServerMetrics;
  /** Where files are received. The folder belongs to this server and is emptied when it starts. */
  uploadsFolder: string;
  /** Whether no other process uses that folder. Default: true. */
  isAlone?: boolean;
  /** Serves /files/*. Default: 404. */
  serveFile?: ServeFile;
  /** Serves /webhooks/*. Default: 404. */
  receiveWebhook?: ReceiveWebhook;
  limits?: Partial<Limits>;
  /** Counts the limits per minute. Default: in this process. */
  rateStore?: RateStore;
  /** How many proxies stand in front of this server, for the caller's address. Undefined: addresses are not limited. */
  trustedProxies?: number;
  /** Other sites whose pages may use this server, as in `https://app.example.com`. Default: none. */
  corsOrigins?: readonly string[];
  /** False serves /health, /ready and /metrics only. Default: true. */
  hasApi?: boolean;
  /** Default: true. */
  hasGraphiQL?: boolean;
  /** Whether callers need a key or a token. Default: false. */
  needsAccess?: boolean;
  /** Whether everybody may introspect the schema; otherwise only sessions with `mayIntrospect`. Default: true. */
  hasIntrospection?: boolean;
};
