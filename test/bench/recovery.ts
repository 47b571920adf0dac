/**
 * How soon the server follows its jobs again after kill -9. It kills a server with many jobs at fal, starts it again and
 * reads from the record of the simulated fal when the server next requested the status of each job:
 * `npx tsx test/bench/recovery.ts [jobs] [rounds]`. fal's clock is stopped, so that no job ends.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { manualClock } from '../../src/fal-simulator/clock.ts';
import { startSimulator } from '../../src/fal-simulator/server.ts';
import { gql } from '../support/http.ts';
import { startProcess } from '../support/process.ts';

const [jobs = 200, rounds = 3] = process.argv.slice(2).map(Number);
const goalMs = 5_000;

const folder = mkdtempSync(join(tmpdir(), 'likeness-recovery-'));
const clock = manualClock(Date.now());
const fal = await startSimulator({ dataDir: join(folder, 'fal'), port: 0, speed: 'real', clock });
const env = {
  DATA_DIR: join(folder, 'data'),
  FAL_MODE: 'live',
  FAL_KEY: fal.key,
  FAL_BASE_URL: fal.url,
  FAL_SUBMITS_PER_MINUTE: '100000',
  FAL_JOBS_AT_ONCE: '100000',
};

/** The number of requests that the server followed after call number `after`. */
const followed = (after: number) =>
  new Set(
    fal.record
      .calls()
      .filter(({ number, kind }) => number > after && (kind === 'status' || kind === 'stream'))
      .map(({ requestId }) => requestId),
  ).size;
const newestCall = () => fal.record.calls().at(-1)?.number ?? 0;
async function untilFollowed(after: number): Promise<void> {
  while (followed(after) < jobs) await sleep(5);
}

let server = await startProcess(env);
const importDocument =
  'mutation { importAvatar(input: { portrait: { name: "Ada", diffusersLoraFileUrl: "https://v3.fal.media/files/ada.safetensors", triggerPhrase: "TOK" } }) { ... on PortraitAvatar { id } } }';
const startDocument =
  'mutation($id: ID!, $prompt: String!) { startGeneration(input: { avatarId: $id, prompt: $prompt }) { __typename } }';
const { data } = await gql<{ importAvatar: { id: string } }>(server.url, importDocument);
for (let n = 0; n < jobs; n += 1) {
  await gql(server.url, startDocument, { id: data?.importAvatar.id, prompt: `number ${n}` });
}
await untilFollowed(0);

for (let round = 1; round <= rounds; round += 1) {
  await server.end('SIGKILL');
  const before = newestCall();
  const startedAt = performance.now();
  server = await startProcess(env);
  const servingMs = performance.now() - startedAt;
  await untilFollowed(before);
  const allMs = performance.now() - startedAt;
  const sinceServingMs = Math.max(0, allMs - servingMs);
  process.stdout.write(
    `round ${round}: serving after ${servingMs.toFixed(0)} ms, all ${jobs} jobs followed again after ${allMs.toFixed(0)} ms from the new start (${sinceServingMs.toFixed(0)} ms after it startedAt to serve): ${allMs <= goalMs ? 'within' : 'NOT within'} ${goalMs} ms\n`,
  );
}
await server.end('SIGTERM');
await fal.close();
rmSync(folder, { recursive: true, force: true });
