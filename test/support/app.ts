/** What commands and the schema are given: over a database and files of the test's own, with nobody to run the jobs. */
import { randomUUID } from 'node:crypto';
import { type ExecutionResult, graphql } from 'graphql';
import { fromPglite, PgBoss } from 'pg-boss';
import { type Logger, pino } from 'pino';
import { allScopes, scopesOf } from '../../src/access/scopes.ts';
import type { Viewer } from '../../src/access/session.ts';
import type { App } from '../../src/app/app.ts';
import { schema } from '../../src/app/schema.ts';
import { Events } from '../../src/events/events.ts';
import { Nudges } from '../../src/events/nudges.ts';
import type { Fal } from '../../src/fal/port.ts';
import { generationTask } from '../../src/generation/task.ts';
import { StepQueue } from '../../src/job/runner/step-queue.ts';
import { defaultLimits } from '../../src/runtime/limits.ts';
import { openSignedUrls } from '../../src/storage/signed-urls.ts';
import { trainingTask } from '../../src/training/task.ts';
import { openTestDatabase } from './database.ts';
import { openTestFiles } from './files.ts';

/** `free` tells how many bytes are free on the disk of the files. The app's tasks reach no fal. */
export async function openTestApp(options: {
  falMode: App['falMode'];
  log?: Logger;
  free?: (() => Promise<number>) | undefined;
}) {
  const database = await openTestDatabase();
  const { prisma, pglite } = database;
  const boss = new PgBoss({ db: fromPglite(pglite), schedule: false, supervise: false });
  await boss.start();
  const steps = new StepQueue(boss);
  await steps.open();
  const events = new Events(prisma, new Nudges());
  const store = openTestFiles(prisma, options.free);
  const app: App = {
    prisma,
    events,
    steps,
    files: store.files,
    urls: await openSignedUrls({ prisma, baseUrl: () => 'http://127.0.0.1:4000', now: () => new Date() }),
    tasks: {} as App['tasks'],
    falMode: options.falMode,
    deadlineMs: () => 600_000,
    limits: defaultLimits,
    metering: { isOn: false, dailyBudgetTenths: null },
    falLimits: { submitsPerMinute: 100, jobsAtOnce: 100, statusReadsPerMinute: 3_000 },
    log: options.log ?? pino({ enabled: false }),
    now: () => new Date(),
  };
  const taskParts = { ...app, fal: {} as Fal, allowLoopback: true };
  app.tasks = { TRAINING: trainingTask(taskParts), GENERATION: generationTask(taskParts) };
  const addViewer = async (): Promise<Viewer> => await prisma.user.create({ data: { id: randomUUID() } });
  const viewer = await addViewer();
  return {
    app,
    prisma,
    pglite,
    boss,
    files: store.files,
    /** Where a file lies. */
    pathOf: store.path,
    viewer,
    addViewer,
    /** Runs a document; its errors are the test's to look at. The viewer is an admin, as at a server of one's own. */
    run: async (
      source: string,
      variableValues: Record<string, unknown> = {},
      as: Viewer = viewer,
      operationName?: string,
    ): Promise<ExecutionResult> =>
      await graphql({
        schema,
        source,
        operationName: operationName ?? null,
        variableValues,
        contextValue: { viewer: as, scopes: as.id === viewer.id ? allScopes : scopesOf(['WRITE']), app },
      }),
    async close(): Promise<void> {
      events.close();
      await boss.stop({ graceful: false });
      await database.close();
      store.remove();
    },
  };
}
