/** Ten thousand jobs waiting and two thousand followed at once: what it costs, and whether anything starves. Part of jobs.ts. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startProcess } from '../support/process.ts';
import { openBenchDatabase } from './database.ts';
import { startFal } from './fal.ts';
import type { Figure, PartOptions } from './part.ts';
import { quantile, round } from './rounds.ts';
import { cpuMs, memoryMb } from './usage.ts';
import { ask, startGeneration } from './work.ts';

/** A step follows fal for 25 s and lets go: whoever is followed at all is asked for once in a little more. */
const lookMs = 30_000;

export async function measureLine({ isQuick, say }: PartOptions): Promise<Figure[]> {
  const size = isQuick ? { waiting: 1_000, followed: 200 } : { waiting: 10_000, followed: 2_000 };
  const database = await openBenchDatabase({ generations: 1_000, ofViewer: 10, imagesEach: 1 });
  const fal = await startFal(database.folder(), 'stands');
  const env = { ...fal.env, FAL_JOBS_AT_ONCE: String(size.followed), DATABASE_URL: database.url };
  const server = await startProcess({ ...env, DATA_DIR: database.folder() }).catch(async (error: unknown) => {
    await fal.end();
    await database.remove();
    throw error;
  });
  try {
    const restMb = memoryMb(server.pid);
    const began = performance.now();
    await database.sql.run(queued(size.waiting + size.followed));
    const followed = async (after: number) => {
      const { calls } = await fal.seen();
      const asked = calls.filter(({ kind, number }) => (kind === 'status' || kind === 'stream') && number > after);
      return new Set(asked.map(({ requestId }) => requestId)).size;
    };
    // Not often: all that fal has seen is a long answer, and fal is to have its time for the server.
    while ((await followed(0)) < size.followed) await sleep(1_000);
    const allMs = performance.now() - began;
    say(`all ${size.followed} followed after ${round(allMs / 1000, 1)} s`);

    const newest = Math.max(...(await fal.seen()).calls.map(({ number }) => number));
    const since = Date.now();
    const cpuBefore = cpuMs(server.pid);
    const answersMs: number[] = [];
    while (Date.now() - since < lookMs) {
      const asked = performance.now();
      await ask(server.url, '{ jobs(first: 1) { edges { cursor } } }');
      answersMs.push(performance.now() - asked);
      await sleep(50);
    }
    const cpuShare = (cpuMs(server.pid) - cpuBefore) / (Date.now() - since);
    const memory = memoryMb(server.pid);
    const lookedAt = await followed(newest);

    // Somebody who comes new, with one job: theirs is among the next that go.
    const { rows } = await database.sql.query(
      `SELECT "id" FROM "Avatar" WHERE "ownerId" = '00000000-0000-4000-8000-000000000001' LIMIT 1`,
      [],
    );
    const avatarId = Buffer.from(`PortraitAvatar:${String(rows[0]?.['id'])}`).toString('base64');
    const known = (await fal.seen()).requests.length;
    await startGeneration(server.url, avatarId, 'one alone', 'fluxLora: { numInferenceSteps: 1 }');
    const came = performance.now();
    await database.sql.run(cancelled(5));
    const isSent = async () =>
      (
        await database.sql.query(
          `SELECT 1 FROM "Job" WHERE "ownerId" = '00000000-0000-4000-8000-000000000001' AND "submittedAt" IS NOT NULL AND "finishedAt" IS NULL`,
          [],
        )
      ).rows.length > 0;
    while (!(await isSent())) await sleep(20);
    const turnMs = performance.now() - came;
    const before = (await fal.seen()).requests.length - known;
    const what = `${size.waiting.toLocaleString('en')} jobs waiting, ${size.followed.toLocaleString('en')} followed`;
    return [
      {
        what: `${what}: one process`,
        figure: `${round(100 * cpuShare, 0)} % of a core, ${Math.round(memory)} MB`,
        against: `at rest ${Math.round(restMb)} MB`,
        goal: '',
        isMet: undefined,
      },
      {
        what: 'time until all jobs at fal are followed',
        figure: `${round(allMs / 1000, 0)} s`,
        against: '',
        goal: '',
        isMet: undefined,
      },
      {
        what: 'jobs at fal whose status was read within 30 s',
        figure: `${lookedAt} of ${size.followed}`,
        against: '',
        goal: 'all',
        isMet: lookedAt === size.followed,
      },
      {
        what: 'an API answer meanwhile: p50 and p99',
        figure: `${round(quantile(answersMs, 0.5), 1)} and ${round(quantile(answersMs, 0.99), 1)} ms`,
        against: '',
        goal: '',
        isMet: undefined,
      },
      {
        what: 'the only job of a new owner, once fal has room for five jobs',
        figure: `sent after ${round(turnMs / 1000, 1)} s, ${before} others went before`,
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

/** Of a hundred owners, as if started a moment ago. The rows are enough: the worker looks for them. */
const queued = (count: number) => `
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

/** So many of those at fal have ended. */
const cancelled = (count: number) => `
  UPDATE "Job" SET "status" = 'CANCELLED', "queuePosition" = NULL, "paidTenths" = 0, "finishedAt" = now()
  WHERE "id" IN (SELECT "id" FROM "Job" WHERE "requestId" IS NOT NULL AND "finishedAt" IS NULL ORDER BY "id" LIMIT ${count});`;
