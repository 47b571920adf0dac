/**
 * Many generations started at once on one embedded server, against the simulated fal at its quickest, in one process:
 * `npx tsx test/bench/burst.ts [count]`. Prints how long the starts and the whole took, and what became of the jobs.
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
// No line to wait in: what is measured is the server.
const roomy = { FAL_SUBMITS_PER_MINUTE: '100000', FAL_JOBS_AT_ONCE: '100000' };
const settings = readSettings({ PORT: '0', DATA_DIR: dataDir, FAL_SIMULATOR_SPEED: 'instant', ...roomy });
const likeness = await start({ settings, log: pino({ level: 'error' }) });

const importDocument =
  'mutation { importAvatar(input: { style: { name: "Ink", finetuneId: "unknown", triggerWord: "INK" } }) { ... on StyleAvatar { id } } }';
const startDocument =
  'mutation($id: ID!, $prompt: String!) { startGeneration(input: { avatarId: $id, prompt: $prompt, preset: FAST }) { __typename } }';
const { data } = await gql<{ importAvatar: { id: string } }>(likeness.url, importDocument);

const began = performance.now();
const startsMs = await Promise.all(
  Array.from({ length: count }, async (_, n) => {
    const asked = performance.now();
    await gql(likeness.url, startDocument, { id: data?.importAvatar.id, prompt: `number ${n}` });
    return performance.now() - asked;
  }),
);
const { prisma } = likeness.app;
while ((await prisma.job.count({ where: { finishedAt: null } })) > 0) await new Promise((done) => setTimeout(done, 50));
const wholeMs = performance.now() - began;
const ends = await prisma.job.groupBy({ by: ['status', 'errorCode'], _count: true });
await likeness.close();
rmSync(dataDir, { recursive: true, force: true });

startsMs.sort((a, b) => a - b);
const at = (share: number) => Math.round(startsMs[Math.min(count - 1, Math.floor(count * share))] ?? 0);
// The finetune is one that the simulated fal never made: a whole life, to fal's refusal, without a picture to draw.
process.stdout.write(
  [
    `${count} generations at once: ${(count / (wholeMs / 1000)).toFixed(1)} jobs a second, ${(wholeMs / 1000).toFixed(1)} s in all`,
    `start answered after: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, slowest ${at(1)} ms`,
    ...ends.map(({ status, errorCode, _count }) => `${_count} ${status} ${errorCode ?? ''}`.trim()),
    '',
  ].join('\n'),
);
