/** A whole Likeness: the parts, made in order, and taken down in the reverse. main.ts and the tests start it alike. */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Logger } from 'pino';
import { localViewer } from '../access/session.ts';
import { purgeDeletedAvatars } from '../avatar/purge.ts';
import { lockFolder } from '../database/folder-lock.ts';
import { installationSecret } from '../database/installation-secret.ts';
import { openDatabase } from '../database/open-database.ts';
import { Events } from '../events/events.ts';
import { Nudges } from '../events/nudges.ts';
import { createFal } from '../fal/client.ts';
import { type EndpointId, endpoints } from '../fal/endpoints.ts';
import { falJwksUrl, fetchJwks } from '../fal/webhook/jwks.ts';
import { WebhookKeys } from '../fal/webhook/keys.ts';
import { receiveWebhook, webhookPath } from '../fal/webhook/receive.ts';
import { simulatorKey, startSimulator } from '../fal-simulator/server.ts';
import { generationTask } from '../generation/task.ts';
import { StatusReads } from '../job/capacity/status-read-budget.ts';
import { createBoss } from '../job/runner/boss.ts';
import type { StepDependencies } from '../job/runner/step-dependencies.ts';
import { Steps } from '../job/runner/steps.ts';
import { Worker, type WorkerOptions } from '../job/runner/worker.ts';
import { hashOfKey } from '../job/webhook/fal-account.ts';
import { handleWebhook, type JobWebhook } from '../job/webhook/handle-webhook.ts';
import { toTenths } from '../ledger/prices.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { createRedisNudgeTarget } from '../redis/nudge-target.ts';
import { openRedis } from '../redis/redis-clients.ts';
import { failpoint } from '../runtime/failpoint.ts';
import { realTimers } from '../runtime/timers.ts';
import type { Checks } from '../server/http/health.ts';
import { isLoopback } from '../server/http/origin.ts';
import { defaultLimits, type Limits } from '../server/limits/limits.ts';
import { rateStoreOf } from '../server/limits/rate-store.ts';
import { createServer } from '../server/server.ts';
import { freeBytes, minFreeForWork } from '../storage/disk-space.ts';
import { openStorage } from '../storage/open-storage.ts';
import { openSignedUrls } from '../storage/signed-urls.ts';
import { openTracing } from '../tracing/exporter.ts';
import { trainingTask } from '../training/task.ts';
import type { App } from './app.ts';
import type { Settings } from './config.ts';
import { openContexts } from './context.ts';
import { schema } from './schema.ts';
import { serveFile } from './serve-file.ts';
import { sameFreePort } from './stable-port.ts';

/** A step follows fal this long before the next takes over. */
const followMs = 25_000;
/** Requests and steps that are under way when the server stops have this long. */
const graceMs = 5_000;
/** The worker asks for steps twice a second; one that could not for so long is not well. */
const stepsQuietMs = 10_000;

export type Likeness = {
  url: string;
  app: App;
  worker: Worker;
  /** Drains and closes, in order. Running twice waits for the first. */
  close(): Promise<void>;
};

export type StartOptions = {
  settings: Settings;
  log: Logger;
  /** For tests, as what follows: the worker's pace, and whether it works by itself or is stepped by hand. */
  worker?: Partial<WorkerOptions> & { manual?: boolean };
  runner?: Partial<Pick<StepDependencies, 'fal' | 'now' | 'random' | 'followMs' | 'deadlineMs'>>;
  limits?: Partial<Limits>;
};

/** Throws DataFolderInUse, and whatever keeps the port from being listened on. */
export async function start({ settings, log, ...options }: StartOptions): Promise<Likeness> {
  const dataDir = resolve(settings.DATA_DIR);
  const closing: (() => Promise<void> | void)[] = [];
  /** Takes down what was made so far, the last first. A part that cannot be closed keeps no other from it. */
  const takeDown = async () => {
    for (const close of closing.splice(0).toReversed()) {
      try {
        await close();
      } catch (error) {
        log.error({ err: error }, 'a part could not be closed');
      }
    }
  };
  try {
    // First, so that it is closed last: the end of the other parts is in the trace.
    const tracing = await openTracing(settings, log);
    closing.push(() => tracing.close());
    const database = await openDatabase(settings.DATABASE_URL, dataDir, settings.DATABASE_CONNECTIONS);
    closing.push(() => database.close());
    const { prisma } = database;
    await failpoint('boot.migrated');
    await prisma.user.createMany({ data: [localViewer], skipDuplicates: true });

    const { key, baseUrl } = await openFal(settings, dataDir, log, closing);
    const now = options.runner?.now ?? (() => new Date());
    const reads = new StatusReads({ prisma, perMinute: settings.FAL_STATUS_READS_PER_MINUTE, now });
    const metrics = createMetrics();
    const fal = createFal({ key, baseUrl, log, mayRead: (signal) => reads.take(signal), onCall: metrics.onCall });
    closing.push(() => fal.close());

    const redis = settings.REDIS_URL === undefined ? undefined : openRedis(settings.REDIS_URL, log);
    closing.push(() => redis?.close());
    const installation = Buffer.from(await installationSecret(prisma, 'installation'))
      .toString('hex')
      .slice(0, 16);
    const nudges = new Nudges(redis && createRedisNudgeTarget(redis, `likeness:${installation}:`));
    const events = new Events(prisma, nudges, { now, onHanded: metrics.onHanded });
    closing.push(() => events.close());
    const { files, close: closeFiles } = await openStorage(settings, { dataDir, prisma, log });
    closing.push(closeFiles);
    const boss = createBoss(database.forSteps, log);
    closing.push(() => boss.stop({ graceful: false }));
    await boss.start();
    const steps = new Steps(boss, nudges);
    await steps.open();

    const falLimits = {
      submitsPerMinute: settings.FAL_SUBMITS_PER_MINUTE,
      jobsAtOnce: settings.FAL_JOBS_AT_ONCE,
      statusReadsPerMinute: settings.FAL_STATUS_READS_PER_MINUTE,
    };
    const deadlineSeconds = {
      TRAINING: settings.TRAINING_DEADLINE_SECONDS,
      GENERATION: settings.GENERATION_DEADLINE_SECONDS,
    };
    const deadlineMs = (endpoint: EndpointId) => 1000 * deadlineSeconds[endpoints[endpoint].kind];
    const metering = {
      isOn: settings.METERING === 'on',
      dailyBudgetTenths: settings.DAILY_CREDITS === undefined ? null : toTenths(settings.DAILY_CREDITS),
    };
    const falMode = settings.FAL_MODE === 'live' ? ('LIVE' as const) : ('SIMULATED' as const);
    const shared = { prisma, events, files, steps, log, now, falLimits, falMode, deadlineMs, metering };
    const allowLoopback = isLoopback(new URL(baseUrl ?? 'https://fal.run').hostname);
    const parts = { ...shared, allowLoopback, fal: options.runner?.fal ?? fal };
    const publicUrl = settings.PUBLIC_URL?.replace(/\/$/, '');
    const tasks = { TRAINING: trainingTask(parts), GENERATION: generationTask(parts) };
    const runner: StepDependencies = {
      ...parts,
      tasks,
      followMs,
      webhookUrl: publicUrl === undefined ? undefined : (token) => `${publicUrl}${webhookPath(token)}`,
      timers: realTimers,
      random: Math.random,
      ...options.runner,
    };
    const baseUrlOfFiles = () => publicUrl ?? server.url();
    const urls = await openSignedUrls({ prisma, baseUrl: baseUrlOfFiles, now });
    const limits: Limits = {
      ...defaultLimits,
      operationsPerMinute: settings.OPERATIONS_PER_MINUTE,
      requestsPerAddress: settings.REQUESTS_PER_ADDRESS,
      ...options.limits,
    };
    const app: App = { ...shared, urls, tasks, limits };

    const worker = new Worker(runner, {
      ...options.worker,
      onStep: metrics.onStep,
      alsoSweep: async () => {
        await purgeDeletedAvatars(app);
        await files.sweep();
      },
    });
    // Embedded, this process is the only one: every lease is a dead process's, and each job goes on where it stood at once.
    if (!database.isShared) await steps.forgetAll();
    const works = settings.ROLE !== 'web';
    if (works) await worker.sweep();

    // A fal that is reached elsewhere signs with its own keys.
    const jwksUrl = settings.FAL_JWKS_URL ?? (baseUrl && new URL('/.well-known/jwks.json', baseUrl).href) ?? falJwksUrl;
    const keys = new WebhookKeys({ load: () => fetchJwks(jwksUrl) });
    const noticing = { ...runner, keyHash: hashOfKey(key) };
    const webhooks = { keys, log, now, onNotice: (notice: JobWebhook) => handleWebhook(noticing, notice) };

    const contexts = openContexts(settings, app);
    closing.push(() => contexts.close());

    const server = createServer({
      schema,
      context: contexts.contextOf,
      host: settings.HOST,
      port: settings.PORT,
      ...(settings.PUBLIC_URL === undefined ? {} : { publicUrl: new URL(settings.PUBLIC_URL) }),
      log,
      health: checks(app, dataDir, works && options.worker?.manual !== true ? worker : undefined),
      ...(settings.METRICS_TOKEN === undefined && settings.needsAccess
        ? {}
        : { metrics: { token: settings.METRICS_TOKEN, read: metrics.text } }),
      seen: metrics.server,
      uploadsFolder: join(dataDir, 'uploads'),
      isAlone: !database.isShared,
      limits,
      rateStore: rateStoreOf(database.pool, redis?.commands, installation),
      ...(settings.needsAccess && { trustedProxies: settings.TRUSTED_PROXIES }),
      corsOrigins: settings.CORS_ORIGINS ?? [],
      hasGraphiQL: settings.GRAPHIQL === 'on',
      asksWho: settings.needsAccess,
      hasIntrospection: settings.INTROSPECTION === 'on',
      hasApi: settings.ROLE !== 'worker',
      serveFile: (request) => serveFile(app, request),
      receiveWebhook: (request) => receiveWebhook(webhooks, request),
    });
    const followers = () => {
      const { jobEvents, jobChanged } = events.followers;
      return { jobEvents: jobEvents + server.open().listeners, jobChanged };
    };
    metrics.read({ prisma, now, log, followers, open: server.open });
    // Both at once: no new work while the last requests are answered, and jobs are let go of in the same seconds.
    closing.push(async () => {
      await server.drain(1000 * settings.DRAIN_SECONDS);
      await Promise.all([server.close(graceMs), worker.stop()]);
    });
    const { url } = await server.listen();
    if (works && options.worker?.manual !== true) worker.start();

    let closed: Promise<void> | undefined;
    return { url, app, worker, close: () => (closed ??= takeDown()) };
  } catch (error) {
    await takeDown();
    throw error;
  }
}

/** Live: the key as it is set. Simulated: a fal of this process's own. */
async function openFal(settings: Settings, dataDir: string, log: Logger, closing: (() => Promise<void> | void)[]) {
  if (settings.FAL_MODE === 'live') return { key: settings.FAL_KEY ?? '', baseUrl: settings.FAL_BASE_URL };
  const folder = join(dataDir, 'simulated-fal');
  mkdirSync(folder, { recursive: true });
  // Servers that share a database share one fal as well: `npm run simulator`, and FAL_BASE_URL.
  closing.push(lockFolder(folder));
  const simulator = await startSimulator({
    dataDir: folder,
    port: await sameFreePort(join(dataDir, 'simulated-fal.port')),
    speed: settings.FAL_SIMULATOR_SPEED,
    log: (line) => log.debug(line, 'simulated fal'),
  });
  closing.push(() => simulator.close());
  return { key: simulatorKey, baseUrl: simulator.url };
}

/** What the server cannot work without. `worker` is undefined where it takes no steps by itself. */
function checks({ prisma, files }: App, dataDir: string, worker: Worker | undefined): Checks {
  return {
    database: () =>
      prisma.$queryRaw`SELECT 1`.then(
        () => true as const,
        () => 'does not answer',
      ),
    async steps() {
      if (worker === undefined) return true;
      const { idleMs } = worker;
      if (idleMs === undefined) return 'not asked for yet';
      return idleMs < stepsQuietMs || `not asked for in ${Math.round(idleMs / 1000)} seconds`;
    },
    /** Of this machine, which files pass through wherever they lie. */
    disk: async () => (await freeBytes(dataDir)) >= minFreeForWork || 'almost full',
    storage: () => files.health(),
  };
}
