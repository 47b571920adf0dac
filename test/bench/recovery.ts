/**
 * How soon jobs are followed again after kill -9: a server with many jobs at fal is killed and started anew, and fal's own
 * record says when it was next asked for each. `npx tsx test/bench/recovery.ts [jobs] [rounds]`. fal's clock stands still,
 * so that every job is under way the whole time.
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

/** Requests that fal was asked for after so many calls. */
const followed = (after: number) =>
  new Set(
    fal.record
      .calls()
      .filter(({ number, kind }) => number > after && (kind === 'status' || kind === 'stream'))
      .map(({ requestId }) => requestId),
  ).size;
const newest = () => fal.record.calls().at(-1)?.number ?? 0;
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
  const before = newest();
  const began = performance.now();
  server = await startProcess(env);
  const servedMs = performance.now() - began;
  await untilFollowed(before);
  const allMs = performance.now() - began;
  const sinceServedMs = Math.max(0, allMs - servedMs);
  process.stdout.write(
    `round ${round}: serving after ${servedMs.toFixed(0)} ms, all ${jobs} jobs followed again after ${allMs.toFixed(0)} ms of the new start (${sinceServedMs.toFixed(0)} ms since it serves): ${allMs <= goalMs ? 'within' : 'PAST'} ${goalMs} ms\n`,
  );
}
await server.end('SIGTERM');
await fal.close();
rmSync(folder, { recursive: true, force: true });
