/** Starts a whole server: opens its parts in order and closes them in reverse. main.ts and the tests call it. */
import { resolve } from 'node:path';
import type { Logger } from 'pino';
import { localViewer } from '../access/session.ts';
import { purgeDeletedAvatars } from '../avatar/purge.ts';
import { installationId } from '../database/installation-secret.ts';
import { openDatabase } from '../database/open-database.ts';
import { Events } from '../events/events.ts';
import { Nudges } from '../events/nudges.ts';
import { StatusReadBudget } from '../job/capacity/status-read-budget.ts';
import { openStepQueue } from '../job/runner/pg-boss.ts';
import type { StepDependencies } from '../job/runner/step-dependencies.ts';
import { Worker, type WorkerOptions } from '../job/runner/worker.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { createRedisNudgeTarget } from '../redis/nudge-target.ts';
import { openRedis } from '../redis/redis-clients.ts';
import { failpoint } from '../runtime/failpoint.ts';
import type { Limits } from '../runtime/limits.ts';
import { rateStoreOf } from '../server/limits/rate-store.ts';
import { openStorage } from '../storage/open-storage.ts';
import { openSignedUrls } from '../storage/signed-urls.ts';
import { openTracing } from '../tracing/exporter.ts';
import type { App } from './app.ts';
import type { Settings } from './config.ts';
import { createTasks, stepDependencies } from './jobs.ts';
import { openFal } from './open-fal.ts';
import { OpenParts } from './open-parts.ts';
import { openServer, serverCloseMs } from './open-server.ts';
import { readPolicy } from './policy.ts';

export type Likeness = {
  url: string;
  app: App;
  worker: Worker;
  /** Drains and closes, in order, in bounded time. A second call waits for the first. Never throws. */
  close(): Promise<void>;
};

export type StartOptions = {
  settings: Settings;
  log: Logger;
  /** For tests, like the next two. With `manual`, the worker runs only when a test calls `tick`. */
  worker?: Partial<WorkerOptions> & { manual?: boolean };
  overrides?: Partial<Pick<StepDependencies, 'fal' | 'now' | 'random' | 'followMs' | 'deadlineMs'>>;
  limits?: Partial<Limits>;
};

/** Throws DataFolderInUse, DataFolderError, DatabaseMisconfigured, StorageMisconfigured, InvalidSettings, and the error of a port that cannot be opened. */
export async function start({ settings, log, ...options }: StartOptions): Promise<Likeness> {
  const dataDir = resolve(settings.DATA_DIR);
  const publicUrl = settings.PUBLIC_URL?.replace(/\/$/, '');
  const hasWorker = settings.ROLE !== 'web';
  const isWorking = hasWorker && options.worker?.manual !== true;
  const now = options.overrides?.now ?? (() => new Date());
  const { limits, ...policy } = readPolicy(settings);
  const metrics = createMetrics();
  const parts = new OpenParts(log);
  try {
    // Opened first, so that it closes last and traces how the other parts close.
    parts.add(await openTracing(settings, log));
    const database = parts.add(await openDatabase(settings.DATABASE_URL, dataDir, settings.DATABASE_CONNECTIONS));
    const { prisma } = database;
    await failpoint('boot.migrated');
    await prisma.user.createMany({ data: [localViewer], skipDuplicates: true });

    const reads = new StatusReadBudget({ prisma, perMinute: settings.FAL_STATUS_READS_PER_MINUTE, now });
    const acquireRead = (signal: AbortSignal) => reads.take(signal);
    const fal = parts.add(await openFal(settings, { dataDir, log, acquireRead, onCall: metrics.onCall }));
    const redis = parts.add(settings.REDIS_URL === undefined ? undefined : openRedis(settings.REDIS_URL, log));
    const installation = await installationId(prisma);
    const nudges = new Nudges(redis && createRedisNudgeTarget(redis, `likeness:${installation}:`));
    const events = parts.add(new Events(prisma, nudges, { now, onDelivery: metrics.onDelivery }));
    const { files } = parts.add(await openStorage(settings, { dataDir, prisma, log }));
    const { steps } = parts.add(await openStepQueue(database.stepQueue, log, nudges));
    const urls = await openSignedUrls({ prisma, baseUrl: () => publicUrl ?? server.url(), now });

    const shared = { ...policy, prisma, events, files, steps, log, now };
    const client = options.overrides?.fal ?? fal.client;
    const tasks = createTasks({ ...shared, fal: client, allowLoopback: fal.isLoopback });
    const app: App = { ...shared, urls, tasks, limits: { ...limits, ...options.limits } };
    const dependencies = stepDependencies({ ...shared, tasks, fal: client }, publicUrl, options.overrides);
    const worker = new Worker(dependencies, {
      ...options.worker,
      onStep: metrics.onStep,
      alsoSweep: async () => {
        await purgeDeletedAvatars(app);
        await files.sweep();
      },
    });
    // With the embedded database this is the only process. All leases belong to dead processes: drop them, so that the jobs continue at once.
    if (!database.isShared) await steps.forgetAll();
    if (hasWorker) await worker.sweep();

    const rateStore = rateStoreOf(database.pool, redis?.commands, installation);
    const { isShared } = database;
    const server = parts.add(
      openServer(settings, { app, dataDir, isShared, fal, dependencies, worker, isWorking, metrics, rateStore }),
      serverCloseMs(settings),
    );
    const subscribers = () => {
      const { jobEvents, jobChanged } = events.subscribers;
      return { jobEvents: jobEvents + server.open().subscribers, jobChanged };
    };
    metrics.registerGauges({ prisma, now, log, subscribers, open: server.open });
    const { url } = await server.listen();
    if (isWorking) worker.start();
    return { url, app, worker, close: () => parts.close() };
  } catch (error) {
    await parts.close();
    throw error;
  }
}
