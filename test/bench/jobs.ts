/**
 * Complete jobs: how soon one is submitted to fal, how many run per second, and what each costs in SQL and CPU, on the
 * embedded database and on PostgreSQL with one, two and three processes. Compared with generating the same pictures at
 * fal directly.
 */
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { readSettings } from '../../src/app/config.ts';
import { start } from '../../src/app/start.ts';
import { type ServerProcess, startProcess } from '../support/process.ts';
import { statementsOf } from '../support/statements.ts';
import { countFailures, importStyle, inParallel, startGeneration, trainStyle, untilDone } from './client.ts';
import { openBenchDatabase, versionOfPostgres } from './database.ts';

import type { Figure, PartOptions } from './part.ts';
import { inTurns, median, quantile, ratio, round } from './rounds.ts';
import { type FalProcess, startFal } from './simulated-fal.ts';
import { cpuMs } from './usage.ts';
import { versioned } from './versions.ts';
import { measureWaitingJobs } from './waiting-jobs.ts';

/** The number of concurrent clients. */
const clients = 32;

/** A database and its servers. `servers` starts or ends servers until `count` of them run, and returns them. */
type Setup = { name: string; avatarId: string; servers(count: number): Promise<ServerProcess[]> };

export async function measure(options: PartOptions): Promise<Figure[]> {
  const { isQuick, report } = options;
  const rounds = isQuick ? { count: 1, jobs: 40, latencies: 10 } : { count: 3, jobs: 100, latencies: 25 };
  const database = await openBenchDatabase();
  const fal = await startFal(database.folder());
  const running: ServerProcess[] = [];
  try {
    const open = async (name: string, env: Record<string, string>, finetune?: string): Promise<Setup> => {
      const setupServers: ServerProcess[] = [];
      const servers = async (count: number) => {
        for (const server of setupServers.splice(count)) await server.end('SIGTERM');
        while (setupServers.length < count) setupServers.push(await startProcess({ ...fal.env, ...env }));
        running.push(...setupServers);
        return setupServers;
      };
      const [server] = await servers(1);
      const url = server?.url ?? '';
      finetuneId = finetune ?? (await trainStyle(url));
      return { name, servers, avatarId: await importStyle(url, finetuneId) };
    };
    let finetuneId = '';
    const embedded = await open('PGlite', { DATA_DIR: database.folder() });
    const cluster = await open('PostgreSQL', { DATABASE_URL: database.url, DATA_DIR: database.folder() }, finetuneId);

    const latencyAlone = async ({ servers, avatarId }: Setup) => {
      const url = (await servers(1))[0]?.url ?? '';
      const ms = await submitLatency(fal, () => startGeneration(url, avatarId, 'one alone'));
      await untilDone(url);
      return ms;
    };
    const submitLatencies = await inTurns(rounds.latencies, [
      { name: 'fal', run: () => submitLatency(fal, () => submitDirectly(fal, finetuneId)) },
      { name: 'PGlite', run: () => latencyAlone(embedded) },
      { name: 'PostgreSQL', run: () => latencyAlone(cluster) },
    ]);
    for (const [name, ms] of submitLatencies) {
      report(`submitted after, ${name}: p50 ${round(median(ms))} ms, p95 ${round(quantile(ms, 0.95))} ms`);
    }

    const cpu = new Map<string, number[]>();
    const pictures = await inTurns(rounds.count, [
      { name: 'fal', run: () => directJobs(fal, finetuneId, rounds.jobs) },
      { name: 'PGlite', run: () => burst(embedded, 1, rounds.jobs, 'a picture', cpu) },
      { name: 'PostgreSQL', run: () => burst(cluster, 1, rounds.jobs, 'a picture', cpu) },
    ]);
    for (const setup of [embedded, cluster]) {
      const failures = await countFailures((await setup.servers(1))[0]?.url ?? '');
      if (failures > 0) throw new Error(`${failures} jobs did not succeed.`);
    }
    // Drawing in the simulated fal limits the pictures per second. Jobs that fail draw none, so these figures measure the server.
    const perSecond = await inTurns(rounds.count, [
      { name: 'PGlite', run: () => burst(embedded, 1, rounds.jobs, '[[blocked]]') },
      ...[1, 2, 3].map((count) => ({
        name: count === 1 ? 'PostgreSQL' : `PostgreSQL ${count}`,
        run: () => burst(cluster, count, rounds.jobs, '[[blocked]]'),
      })),
    ]);
    for (const [name, numbers] of [...pictures, ...perSecond])
      report(`per second, ${name}: ${numbers.map((n) => round(n, 1)).join(', ')}`);
    for (const { servers } of [embedded, cluster]) await servers(0);
    const statements = await statementsOfJob(fal, finetuneId, database.url, database.folder(), isQuick ? 10 : 20);
    const postgres = await versionOfPostgres(database);

    const directFal = `the simulated fal, called directly by ${versioned('@fal-ai/client')}`;
    const latency = (setup: string, name: string): Figure => {
      const p50 = median(submitLatencies.get(name) ?? []);
      const direct = median(submitLatencies.get('fal') ?? []);
      return {
        label: `startGeneration to the submit at fal, no other job waiting, ${setup}: p50`,
        figure: `${round(p50, 1)} ms, ${round(p50 - direct, 1)} ms more`,
        against: directFal,
        goal: 'at most 30 ms',
        isMet: p50 <= 30,
      };
    };
    const pictureRate = (setup: string, name: string): Figure => ({
      label: `pictures per second, from start to stored, ${setup}`,
      figure: `${round(median(pictures.get(name) ?? []), 1)}, ${round(ratio(pictures, name, 'fal'))} times`,
      against: directFal,
      goal: '',
      isMet: undefined,
    });
    const rate = (setup: string, name: string, to: string, against: string): Figure => ({
      label: `jobs per second that fail at fal, ${setup}`,
      figure: `${round(median(perSecond.get(name) ?? []), 1)}, ${round(ratio(perSecond, name, to))} times`,
      against,
      goal: '',
      isMet: undefined,
    });
    const perJob = (name: string) => median(cpu.get(name) ?? []);
    const oneProcess = `${postgres}, one process`;
    return [
      latency('PGlite', 'PGlite'),
      latency(postgres, 'PostgreSQL'),
      pictureRate('PGlite', 'PGlite'),
      pictureRate(oneProcess, 'PostgreSQL'),
      rate('PGlite', 'PGlite', 'PostgreSQL', oneProcess),
      rate('two processes', 'PostgreSQL 2', 'PostgreSQL', oneProcess),
      rate('three processes', 'PostgreSQL 3', 'PostgreSQL', oneProcess),
      {
        label: 'one job, from start to end',
        figure: `${round(statements, 1)} SQL statements, ${round(perJob('PostgreSQL'), 1)} ms of CPU`,
        against: `on PGlite, database included, ${round(perJob('PGlite'), 1)} ms`,
        goal: '',
        isMet: undefined,
      },
      ...(await measureWaitingJobs(options)),
    ];
  } finally {
    for (const server of running) await server.end('SIGKILL');
    await fal.end();
    await database.remove();
  }
}

/** Milliseconds from the call of `submit` until fal has accepted the request. */
async function submitLatency(fal: FalProcess, submit: () => Promise<unknown>): Promise<number> {
  const known = new Set((await fal.record()).requests.map(({ id }) => id));
  const startedAt = Date.now();
  await submit();
  for (;;) {
    const found = (await fal.record()).requests.find(({ id }) => !known.has(id));
    if (found !== undefined) return found.acceptedAt - startedAt;
    await sleep(20);
  }
}

const input = (finetuneId: string) => ({
  prompt: 'INK a picture',
  finetune_id: finetuneId,
  finetune_strength: 1,
  image_size: { width: 256, height: 256 },
  num_inference_steps: 1,
});

const submitDirectly = (fal: FalProcess, finetuneId: string) =>
  fal.client.queue.submit('fal-ai/flux-pro/finetuned', { input: input(finetuneId) });

/** Generates `count` pictures at fal directly, follows each by its stream and downloads it. Returns pictures per second. */
async function directJobs(fal: FalProcess, finetuneId: string, count: number): Promise<number> {
  const startedAt = performance.now();
  await inParallel(count, clients, async () => {
    const { data } = await fal.client.subscribe('fal-ai/flux-pro/finetuned', {
      input: input(finetuneId),
      mode: 'streaming',
    });
    const [image] = (data as { images: { url: string }[] }).images;
    const { pathname, hostname } = new URL(image?.url ?? '');
    const response = await fetch(fal.url + pathname, { headers: { 'x-fal-sim-host': hostname } });
    if (response.body !== null) await buffer(response.body);
  });
  return count / ((performance.now() - startedAt) / 1000);
}

/** Runs `count` jobs and returns jobs per second. Adds the servers' CPU time per job, in ms, to `cpu`. */
async function burst(
  { name, servers, avatarId }: Setup,
  processes: number,
  count: number,
  prompt: string,
  cpu?: Map<string, number[]>,
): Promise<number> {
  const all = await servers(processes);
  const cpuOfAll = () => all.reduce((sum, { pid }) => sum + cpuMs(pid), 0);
  const before = cpuOfAll();
  const startedAt = performance.now();
  await inParallel(count, clients, (n) => startGeneration(all[n % processes]?.url ?? '', avatarId, `${prompt} ${n}`));
  await untilDone(all[0]?.url ?? '');
  const seconds = (performance.now() - startedAt) / 1000;
  cpu?.set(name, [...(cpu.get(name) ?? []), (cpuOfAll() - before) / count]);
  return count / seconds;
}

/** The SQL statements of one job. Jobs run one after the other in this process, and the statements of an idle server are subtracted. */
async function statementsOfJob(
  fal: FalProcess,
  finetuneId: string,
  databaseUrl: string,
  dataDir: string,
  count: number,
): Promise<number> {
  const settings = readSettings({ ...fal.env, PORT: '0', DATABASE_URL: databaseUrl, DATA_DIR: dataDir });
  const likeness = await start({ settings, log: pino({ level: 'error' }) });
  try {
    const avatarId = await importStyle(likeness.url, finetuneId);
    const startedAt = performance.now();
    const { prisma } = likeness.app;
    const untilDone = async () => {
      while ((await prisma.$queryRaw<unknown[]>`SELECT 'benchmark' FROM "Job" WHERE "finishedAt" IS NULL`).length > 0)
        await sleep(5);
    };
    const sent = await statementsOf(
      async () => {
        for (let n = 0; n < count; n += 1) {
          await startGeneration(likeness.url, avatarId, `number ${n}`);
          await untilDone();
        }
      },
      { all: true },
    );
    const ms = performance.now() - startedAt;
    const idle = await statementsOf(() => sleep(ms), { all: true });
    return (sent.filter(({ text }) => !text.startsWith("SELECT 'benchmark'")).length - idle.length) / count;
  } finally {
    await likeness.close();
  }
}
