/** Creates the HTTP server from the settings. It does not listen yet: start.ts calls `listen` when every part is open. */
import { join } from 'node:path';
import { fetchJwks } from '../fal/webhook/jwks.ts';
import { WebhookKeys } from '../fal/webhook/keys.ts';
import { receiveWebhook } from '../fal/webhook/receive.ts';
import type { StepDependencies } from '../job/runner/step-dependencies.ts';
import type { Worker } from '../job/runner/worker.ts';
import { hashOfKey } from '../job/webhook/fal-account.ts';
import { handleWebhook, type JobWebhook } from '../job/webhook/handle-webhook.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { RateStore } from '../server/limits/rate-store.ts';
import { createServer, type Server } from '../server/server.ts';
import type { App } from './app.ts';
import type { Settings } from './config.ts';
import { openContexts } from './context.ts';
import { healthChecks } from './health-checks.ts';
import type { OpenFal } from './open-fal.ts';
import { schema } from './schema.ts';
import { serveFile } from './serve-file.ts';

/** When the server stops, running requests have this long to end. */
const graceMs = 5_000;
/** When the server stops, running steps have this long to record what they know. */
const workerStopMs = 7_000;

/** The longest time that `close` takes. */
export const serverCloseMs = (settings: Settings) => 1000 * settings.DRAIN_SECONDS + workerStopMs + graceMs;

export type ServerParts = {
  app: App;
  dataDir: string;
  /** Whether other processes use the same database. */
  isShared: boolean;
  fal: OpenFal;
  dependencies: StepDependencies;
  worker: Worker;
  /** Whether the worker of this process leases steps by itself. */
  isWorking: boolean;
  metrics: Metrics;
  rateStore: RateStore;
};

export function openServer(settings: Settings, parts: ServerParts): Omit<Server, 'close'> & { close(): Promise<void> } {
  const { app, dataDir, worker, metrics } = parts;
  const contexts = openContexts(settings, app);
  const server = createServer({
    schema,
    createContext: contexts.createContext,
    host: settings.HOST,
    port: settings.PORT,
    ...(settings.PUBLIC_URL === undefined ? {} : { publicUrl: new URL(settings.PUBLIC_URL) }),
    log: app.log,
    health: healthChecks(app, dataDir, parts.isWorking ? worker : undefined),
    ...(settings.METRICS_TOKEN === undefined && settings.needsAccess
      ? {}
      : { metricsEndpoint: { token: settings.METRICS_TOKEN, read: metrics.text } }),
    metrics: metrics.server,
    uploadsFolder: join(dataDir, 'uploads'),
    isAlone: !parts.isShared,
    limits: app.limits,
    rateStore: parts.rateStore,
    ...(settings.needsAccess && { trustedProxies: settings.TRUSTED_PROXIES }),
    corsOrigins: settings.CORS_ORIGINS ?? [],
    hasGraphiQL: settings.GRAPHIQL === 'on',
    needsAccess: settings.needsAccess,
    hasIntrospection: settings.INTROSPECTION === 'on',
    hasApi: settings.ROLE !== 'worker',
    serveFile: (request) => serveFile(app, request),
    receiveWebhook: webhookReceiver(parts),
  });
  return {
    ...server,
    /** Also stops the worker, at the start of the drain: other processes take over its jobs while this one still answers requests. */
    async close() {
      const stopped = worker.stop(workerStopMs);
      await server.drain(1000 * settings.DRAIN_SECONDS);
      await Promise.all([server.close(graceMs), stopped]);
      contexts.close();
    },
  };
}

function webhookReceiver({ app: { log, now }, fal, dependencies }: ServerParts) {
  const keys = new WebhookKeys({ load: () => fetchJwks(fal.jwksUrl) });
  const parts = { ...dependencies, keyHash: hashOfKey(fal.key) };
  const onWebhook = (webhook: JobWebhook) => handleWebhook(parts, webhook);
  return (request: Parameters<typeof receiveWebhook>[1]) => receiveWebhook({ keys, log, now, onWebhook }, request);
}
