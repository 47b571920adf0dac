/** Part of jobs.ts: 10,000 waiting jobs and 2,000 followed jobs. Measures what they cost, and whether a job starves. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startProcess } from '../support/process.ts';
import { execute, startGeneration } from './client.ts';
import { openBenchDatabase } from './database.ts';
import type { Figure, PartOptions } from './part.ts';
import { quantile, round } from './rounds.ts';
import { startFal } from './simulated-fal.ts';
import { cpuMs, memoryMb } from './usage.ts';

/** A step follows a job at fal for at most 25 s, so the status of each followed job is read within a little more than that. */
const observationMs = 30_000;

export async function measureWaitingJobs({ isQuick, report }: PartOptions): Promise<Figure[]> {
  const size = isQuick ? { waiting: 1_000, followed: 200 } : { waiting: 10_000, followed: 2_000 };
  const database = await openBenchDatabase({ generations: 1_000, ofViewer: 10, imagesEach: 1 });
  const fal = await startFal(database.folder(), 'stopped');
  const env = { ...fal.env, FAL_JOBS_AT_ONCE: String(size.followed), DATABASE_URL: database.url };
  const server = await startProcess({ ...env, DATA_DIR: database.folder() }).catch(async (error: unknown) => {
    await fal.end();
    await database.remove();
    throw error;
  });
  try {
    const idleMb = memoryMb(server.pid);
    const began = performance.now();
    await database.sql.run(insertJobs(size.waiting + size.followed));
    const followed = async (after: number) => {
      const { calls } = await fal.record();
      const reads = calls.filter(({ kind, number }) => (kind === 'status' || kind === 'stream') && number > after);
      return new Set(reads.map(({ requestId }) => requestId)).size;
    };
    // Not often, because the record is a long response and the simulated fal needs its time for the server.
    while ((await followed(0)) < size.followed) await sleep(1_000);
    const allMs = performance.now() - began;
    report(`all ${size.followed} followed after ${round(allMs / 1000, 1)} s`);

    const newest = Math.max(...(await fal.record()).calls.map(({ number }) => number));
    const since = Date.now();
    const cpuBefore = cpuMs(server.pid);
    const responsesMs: number[] = [];
    while (Date.now() - since < observationMs) {
      const requestedAt = performance.now();
      await execute(server.url, '{ jobs(first: 1) { edges { cursor } } }');
      responsesMs.push(performance.now() - requestedAt);
      await sleep(50);
    }
    const cpuShare = (cpuMs(server.pid) - cpuBefore) / (Date.now() - since);
    const memory = memoryMb(server.pid);
    const readAgain = await followed(newest);

    // A new owner starts one job. The server must submit it among the next five.
    const { rows } = await database.sql.query(
      `SELECT "id" FROM "Avatar" WHERE "ownerId" = '00000000-0000-4000-8000-000000000001' LIMIT 1`,
      [],
    );
    const avatarId = Buffer.from(`PortraitAvatar:${String(rows[0]?.['id'])}`).toString('base64');
    const known = (await fal.record()).requests.length;
    await startGeneration(server.url, avatarId, 'one alone', 'fluxLora: { numInferenceSteps: 1 }');
    const startedAt = performance.now();
    await database.sql.run(cancelJobs(5));
    const isSubmitted = async () =>
      (
        await database.sql.query(
          `SELECT 1 FROM "Job" WHERE "ownerId" = '00000000-0000-4000-8000-000000000001' AND "submittedAt" IS NOT NULL AND "finishedAt" IS NULL`,
          [],
        )
      ).rows.length > 0;
    while (!(await isSubmitted())) await sleep(20);
    const submitMs = performance.now() - startedAt;
    const before = (await fal.record()).requests.length - known;
    const load = `${size.waiting.toLocaleString('en')} jobs waiting, ${size.followed.toLocaleString('en')} followed`;
    return [
      {
        label: `${load}: one process`,
        figure: `${round(100 * cpuShare, 0)} % of a core, ${Math.round(memory)} MB`,
        against: `at rest ${Math.round(idleMb)} MB`,
        goal: '',
        isMet: undefined,
      },
      {
        label: 'time until all jobs at fal are followed',
        figure: `${round(allMs / 1000, 0)} s`,
        against: '',
        goal: '',
        isMet: undefined,
      },
      {
        label: 'jobs at fal whose status was read within 30 s',
        figure: `${readAgain} of ${size.followed}`,
        against: '',
        goal: 'all',
        isMet: readAgain === size.followed,
      },
      {
        label: 'API response time meanwhile: p50 and p99',
        figure: `${round(quantile(responsesMs, 0.5), 1)} and ${round(quantile(responsesMs, 0.99), 1)} ms`,
        against: '',
        goal: '',
        isMet: undefined,
      },
      {
        label: 'the only job of a new owner, once fal has room for five jobs',
        figure: `submitted after ${round(submitMs / 1000, 1)} s, ${before} others were submitted before it`,
        against: '',
        goal: 'one of the five',
        isMet: before <= 5,
      },
    ];
  } finally {
    await server.end('SIGKILL');
    await fal.end();
    await database.remove();
  }
}

/** Inserts waiting jobs of 100 owners. The rows are enough, because the worker polls for them. */
const insertJobs = (count: number) => `
  INSERT INTO "User" ("id") SELECT ('10000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid FROM generate_series(0, 99) n;
  INSERT INTO "Avatar" ("id", "ownerId", "kind", "name", "status", "triggerPhrase", "diffusersLoraFileUrl", "loraSeenAt")
    SELECT ('20000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, ('10000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid,
      'PORTRAIT', 'Ada', 'READY', 'TOK_ada', 'https://v3.fal.media/files/ada.safetensors', now()
    FROM generate_series(0, 99) n;
  INSERT INTO "Job" ("id", "ownerId", "avatarId", "kind", "endpoint", "input", "lastSequence", "prompt", "finalPrompt")
    SELECT ('30000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, ('10000000-0000-7000-8000-' || lpad((n % 100)::text, 12, '0'))::uuid,
      ('20000000-0000-7000-8000-' || lpad((n % 100)::text, 12, '0'))::uuid, 'GENERATION', 'fal-ai/flux-lora',
      '{"prompt":"TOK_ada at sea","loras":[{"path":"https://v3.fal.media/files/ada.safetensors","scale":1}],"image_size":"square","num_inference_steps":1}',
      1, 'at sea', 'TOK_ada at sea'
    FROM generate_series(1, ${count}) n;
  INSERT INTO "JobEvent" ("jobId", "sequence", "type", "payload")
    SELECT "id", 1, 'QUEUED', '{}' FROM "Job" WHERE "status" = 'QUEUED';
  ANALYZE;`;

/** Ends `count` of the jobs at fal. */
const cancelJobs = (count: number) => `
  UPDATE "Job" SET "status" = 'CANCELLED', "queuePosition" = NULL, "paidTenths" = 0, "finishedAt" = now()
  WHERE "id" IN (SELECT "id" FROM "Job" WHERE "requestId" IS NOT NULL AND "finishedAt" IS NULL ORDER BY "id" LIMIT ${count});`;
