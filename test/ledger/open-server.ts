/** The parts of a server that move credits, on PGlite or on PostgreSQL, where transactions race. fal and the files are fakes. */
import { Client } from 'pg';
import { fromPglite, PgBoss } from 'pg-boss';
import { pino } from 'pino';
import type { Job } from '../../prisma/generated/client/client.ts';
import type { App } from '../../src/app/app.ts';
import type { Database } from '../../src/database/client.ts';
import { openPostgres } from '../../src/database/postgres.ts';
import { Events } from '../../src/events/events.ts';
import { Nudges } from '../../src/events/nudges.ts';
import { generationTask } from '../../src/generation/task.ts';
import type { StepDependencies } from '../../src/job/runner/step-dependencies.ts';
import { StepQueue } from '../../src/job/runner/step-queue.ts';
import type { Task } from '../../src/job/task.ts';
import { trainingTask } from '../../src/training/task.ts';
import { openTestDatabase } from '../support/database.ts';
import { openEmptyPostgres } from '../support/sql.ts';

export type LedgerServer = {
  /** The app and the step dependencies over another client of the same database. fal delivers `delivered` images. */
  partsOn(prisma: Database, delivered?: number): App & StepDependencies;
  prisma: Database;
  /** Advances by 5 ms at each reading. */
  clock: { ms: number };
  /** Terminates the connection with this process id; undefined on PGlite, which has only one. */
  kill: ((pid: number) => Promise<void>) | undefined;
  /** How many operations run at once. */
  lanes: number;
  close(): Promise<void>;
};

type Base = Pick<LedgerServer, 'prisma' | 'kill' | 'lanes' | 'close'> & { boss: PgBoss };

export async function openOnPglite(): Promise<LedgerServer> {
  const { prisma, pglite, close } = await openTestDatabase();
  const boss = new PgBoss({ db: fromPglite(pglite), schedule: false, supervise: false });
  return await open({ prisma, boss, kill: undefined, lanes: 1, close });
}

export async function openOnPostgres(): Promise<LedgerServer> {
  const database = await openEmptyPostgres();
  const { prisma, close } = await openPostgres(database.url, 20);
  const killer = new Client(database.url);
  await killer.connect();
  const boss = new PgBoss({ connectionString: database.url, schedule: false, supervise: false, max: 2 });
  return await open({
    prisma,
    boss,
    kill: async (pid) => void (await killer.query('SELECT pg_terminate_backend($1)', [pid])),
    lanes: 12,
    async close() {
      await killer.end();
      await close();
      await database.close();
    },
  });
}

async function open({ prisma, boss, close, ...base }: Base): Promise<LedgerServer> {
  await boss.start();
  const steps = new StepQueue(boss);
  await steps.open();
  const events = new Events(prisma, new Nudges());
  const clock = { ms: Date.UTC(2026, 0, 1) };
  const files = {
    assertSpace: () => Promise.resolve(),
    removeUnused: () => Promise.resolve(),
    record: () => Promise.resolve(),
  } as unknown as App['files'];
  const shared = {
    events,
    steps,
    files,
    falMode: 'LIVE' as const,
    falLimits: { submitsPerMinute: 100_000, jobsAtOnce: 12, statusReadsPerMinute: 3_000 },
    metering: { isOn: true, dailyBudgetTenths: null },
    log: pino({ enabled: false }),
    now: () => new Date((clock.ms += 5)),
  };
  return {
    ...base,
    prisma,
    clock,
    partsOn: (own, delivered = 0) =>
      ({
        ...shared,
        prisma: own,
        fal: { result: () => Promise.resolve({}) },
        tasks: tasksOn({ ...shared, prisma: own, fal: {} } as never, delivered),
      }) as unknown as App & StepDependencies,
    async close() {
      events.close();
      await boss.stop({ graceful: false });
      await close();
    },
  };
}

/** The tasks of the features, without downloads from fal. */
function tasksOn(parts: Parameters<typeof trainingTask>[0] & Parameters<typeof generationTask>[0], delivered: number) {
  const copy = () => Promise.resolve({ files: [] });
  const drawing: Task = {
    ...generationTask(parts),
    copy,
    // The test reads the number of delivered images from the seed.
    keep: (_tx, job) => Promise.resolve({ output: { images: job.units }, seed: String(delivered), delivered }),
  };
  const training: Task = {
    ...trainingTask(parts),
    copy,
    async keep(tx, job) {
      await tx.avatar.update({ where: { id: job.avatarId }, data: { status: 'READY' } });
      return { output: outputOf(job), delivered: 1 };
    },
  };
  return { GENERATION: drawing, TRAINING: training };
}

const outputOf = ({ endpoint }: Job) =>
  endpoint === 'fal-ai/flux-pro-trainer'
    ? { finetune_id: 'ink' }
    : { diffusers_lora_file: { url: 'https://v3.fal.media/files/lora' } };
