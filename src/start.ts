/** A whole Likeness: the parts, made in order, and taken down in the reverse. main.ts and the tests start it alike. */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Logger } from 'pino';
import type { App, Viewer } from './app.ts';
import { purgeDeletedAvatars } from './avatar/purge.ts';
import { openEither } from './database/either.ts';
import { lockFolder } from './database/lock.ts';
import type { Settings } from './env.ts';
import { Events } from './event/events.ts';
import { Nudges } from './event/nudge.ts';
import { failpoint } from './failpoint.ts';
import { createFal } from './fal/client.ts';
import { type EndpointId, endpoints } from './fal/endpoints.ts';
import { simulatorKey, startSimulator } from './fal/simulator/server.ts';
import { falJwksUrl, fetchJwks } from './fal/webhook/jwks.ts';
import { WebhookKeys } from './fal/webhook/keys.ts';
import { receiveWebhook, webhookPath } from './fal/webhook/receive.ts';
import { generationTask } from './generation/task.ts';
import { type JobNotice, takeNotice } from './job/adopt.ts';
import { createBoss } from './job/boss.ts';
import { hashOfKey } from './job/fal-account.ts';
import type { Runner } from './job/runner.ts';
import { StatusReads } from './job/status-reads.ts';
import { Steps } from './job/steps.ts';
import { Worker, type WorkerOptions } from './job/worker.ts';
import { sameFreePort } from './port.ts';
import { schema } from './schema.ts';
import { serveFile } from './serve.ts';
import type { Limits } from './server/limits.ts';
import { createServer } from './server.ts';
import { createFileStore } from './storage/files.ts';
import { freeBytes, minFreeForWork } from './storage/space.ts';
import { openSignedUrls } from './storage/urls.ts';
import { realTimers } from './timers.ts';
import { trainingTask } from './training/task.ts';

/** The one user of this server. */
export const localViewer: Viewer = { id: '00000000-0000-4000-8000-000000000001' };

/** A step follows fal this long before the next takes over. */
const followMs = 25_000;
/** Requests and steps that are under way when the server stops have this long. */
const graceMs = 5_000;

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
  runner?: Partial<Pick<Runner, 'fal' | 'now' | 'random' | 'followMs' | 'deadlineMs'>>;
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
    const database = await openEither(settings.DATABASE_URL, dataDir);
    closing.push(() => database.close());
    const { prisma } = database;
    await failpoint('boot.migrated');
    await prisma.user.createMany({ data: [localViewer], skipDuplicates: true });

    const { key, baseUrl } = await openFal(settings, dataDir, log, closing);
    const now = options.runner?.now ?? (() => new Date());
    const reads = new StatusReads({ prisma, perMinute: settings.FAL_STATUS_READS_PER_MINUTE, now });
    const fal = createFal({ key, baseUrl, log, mayRead: (signal) => reads.take(signal) });
    closing.push(() => fal.close());

    const events = new Events(prisma, new Nudges(), { now });
    closing.push(() => events.close());
    const files = createFileStore({ folder: join(dataDir, 'files'), prisma, log });
    const boss = createBoss(database.forSteps, log);
    closing.push(() => boss.stop({ graceful: false }));
    await boss.start();
    const steps = new Steps(boss);
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
    const parts = { prisma, events, files, steps, log, now, falLimits, deadlineMs, fal: options.runner?.fal ?? fal };
    const publicUrl = settings.PUBLIC_URL?.replace(/\/$/, '');
    const tasks = { TRAINING: trainingTask(parts), GENERATION: generationTask(parts) };
    const runner: Runner = {
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
    const falMode = settings.FAL_MODE === 'live' ? 'LIVE' : 'SIMULATED';
    const app: App = { prisma, files, urls, steps, events, tasks, falMode, falLimits, deadlineMs, log, now };

    const worker = new Worker(runner, {
      ...options.worker,
      alsoSweep: async () => {
        await purgeDeletedAvatars(app);
        await files.sweep();
      },
    });
    // Embedded, this process is the only one: every lease is a dead process's, and each job goes on where it stood at once.
    if (!database.isShared) await steps.forgetAll();
    await worker.sweep();

    // A fal that is reached elsewhere signs with its own keys.
    const jwksUrl = settings.FAL_JWKS_URL ?? (baseUrl && new URL('/.well-known/jwks.json', baseUrl).href) ?? falJwksUrl;
    const keys = new WebhookKeys({ load: () => fetchJwks(jwksUrl) });
    const noticing = { ...runner, keyHash: hashOfKey(key) };
    const webhooks = { keys, log, now, onNotice: (notice: JobNotice) => takeNotice(noticing, notice) };

    const server = createServer({
      schema,
      context: () => ({ viewer: localViewer, app }),
      host: settings.HOST,
      port: settings.PORT,
      ...(settings.PUBLIC_URL === undefined ? {} : { publicUrl: new URL(settings.PUBLIC_URL) }),
      log,
      health: () => health(app, dataDir),
      uploadsFolder: join(dataDir, 'uploads'),
      isAlone: !database.isShared,
      ...(options.limits && { limits: options.limits }),
      serveFile: (request) => serveFile(app, request),
      receiveWebhook: (request) => receiveWebhook(webhooks, request),
    });
    // Both at once: no new work while the last requests are answered, and jobs are let go of in the same seconds.
    closing.push(async () => void (await Promise.all([server.close(graceMs), worker.stop()])));
    const { url } = await server.listen();
    if (options.worker?.manual !== true) worker.start();

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

async function health({ prisma }: App, dataDir: string) {
  const database = await prisma.$queryRaw`SELECT 1`.then(() => true).catch(() => 'does not answer');
  const disk = (await freeBytes(dataDir)) >= minFreeForWork || 'almost full';
  return { ready: database === true && disk === true, parts: { database, disk } };
}
