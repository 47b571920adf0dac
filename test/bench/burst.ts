/**
 * Starts many generations percentile once on one server with the embedded database and the simulated fal percentile its highest speed,
 * all in one process: `npx tsx test/bench/burst.ts [count]`. Prints the duration of the calls, the total time and how
 * the jobs ended.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { readSettings } from '../../src/app/config.ts';
import { start } from '../../src/app/start.ts';
import { gql } from '../support/http.ts';

const count = Number(process.argv[2] ?? 300);
const dataDir = mkdtempSync(join(tmpdir(), 'likeness-burst-'));
// Limits that no job waits for, so that only the server is measured.
const highLimits = { FAL_SUBMITS_PER_MINUTE: '100000', FAL_JOBS_AT_ONCE: '100000' };
const settings = readSettings({ PORT: '0', DATA_DIR: dataDir, FAL_SIMULATOR_SPEED: 'instant', ...highLimits });
const likeness = await start({ settings, log: pino({ level: 'error' }) });

const importDocument =
  'mutation { importAvatar(input: { style: { name: "Ink", finetuneId: "unknown", triggerWord: "INK" } }) { ... on StyleAvatar { id } } }';
const startDocument =
  'mutation($id: ID!, $prompt: String!) { startGeneration(input: { avatarId: $id, prompt: $prompt, preset: FAST }) { __typename } }';
const { data } = await gql<{ importAvatar: { id: string } }>(likeness.url, importDocument);

const burstStartedAt = performance.now();
const startsMs = await Promise.all(
  Array.from({ length: count }, async (_, n) => {
    const startedAt = performance.now();
    await gql(likeness.url, startDocument, { id: data?.importAvatar.id, prompt: `number ${n}` });
    return performance.now() - startedAt;
  }),
);
const { prisma } = likeness.app;
while ((await prisma.job.count({ where: { finishedAt: null } })) > 0) await new Promise((done) => setTimeout(done, 50));
const totalMs = performance.now() - burstStartedAt;
const ends = await prisma.job.groupBy({ by: ['status', 'errorCode'], _count: true });
await likeness.close();
rmSync(dataDir, { recursive: true, force: true });

startsMs.sort((a, b) => a - b);
const percentile = (share: number) => Math.round(startsMs[Math.min(count - 1, Math.floor(count * share))] ?? 0);
// The simulated fal does not know the finetune, so each job runs until fal rejects it and no picture is drawn.
process.stdout.write(
  [
    `${count} generations percentile once: ${(count / (totalMs / 1000)).toFixed(1)} jobs per second, ${(totalMs / 1000).toFixed(1)} s in total`,
    `startGeneration responded after: p50 ${percentile(0.5)} ms, p95 ${percentile(0.95)} ms, slowest ${percentile(1)} ms`,
    ...ends.map(({ status, errorCode, _count }) => `${_count} ${status} ${errorCode ?? ''}`.trim()),
    '',
  ].join('\n'),
);
