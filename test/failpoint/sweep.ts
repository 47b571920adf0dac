/** One case of the sweep: a server with its failpoints armed, what a client then goes through, and what must hold after it. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startSimulator } from '../../src/fal-simulator/server.ts';
import type { Failpoint } from '../../src/runtime/failpoint.ts';
import { age, wrongInFolder } from '../chaos/folder.ts';
import type { ServerDatabase } from '../support/databases.ts';
import { freePort, type ServerProcess, startProcess } from '../support/process.ts';
import { clientOf, type Followed, isTerminal } from './scenario.ts';

/** Deleted avatars are purged at a start, when they have lingered. */
const lingerMs = 10_500;

export type Case = { points: Failpoint[]; act: 'kill' | 'throw' | 'delay'; open: () => Promise<ServerDatabase> };
/** What is wrong, a line each, and the points that were passed. */
export type Found = { wrong: string[]; passed: string[] };

/** A data folder in which nothing is: the first start makes everything. */
export function openNothing(): Promise<ServerDatabase> {
  const folder = mkdtempSync(join(tmpdir(), 'likeness-first-'));
  const remove = async () => rmSync(folder, { recursive: true, force: true });
  return Promise.resolve({ env: { DATA_DIR: join(folder, 'data') }, remove });
}

export async function sweep({ points, act, open }: Case): Promise<Found> {
  const database = await open();
  const fal = await startSimulator({ dataDir: undefined, speed: 'instant' });
  // The first submit is one too many.
  fal.setFaults({ seed: 1, faults: [{ on: 'submit', nth: 1, do: 'answer', status: 429, retryAfterSeconds: 1 }] });
  const port = String(await freePort());
  const env: Record<string, string> = {
    ...database.env,
    PORT: port,
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    FAL_MODE: 'live',
    FAL_KEY: fal.key,
    FAL_BASE_URL: fal.url,
    // A submit that was never sent is given up then.
    GENERATION_DEADLINE_SECONDS: '30',
    TRAINING_DEADLINE_SECONDS: '30',
  };
  const armed = { FAILPOINT: points.map((name) => `${name}:${act}`).join(',') };
  const atPurge = points.includes('purge.rows');
  const client = clientOf(`http://127.0.0.1:${port}`);
  let server: ServerProcess | undefined;
  let over = new AbortController();
  /** Keeps a server running, the first one armed. */
  const keep = async (first: Record<string, string>, { signal } = over) => {
    for (let extra = first; !signal.aborted; extra = {}) {
      server = await startProcess({ ...env, ...extra }).catch(() => undefined);
      await server?.ended;
    }
  };
  try {
    const kept = keep(atPurge ? {} : armed);
    const jobs = await client.play();
    const wrong = await wrongWith(jobs, client, fal);
    over.abort();
    await server?.end('SIGTERM');
    await kept;
    if (atPurge) {
      await pause(lingerMs);
      over = new AbortController();
      const purging = keep(armed);
      await untilPassed(database, points);
      over.abort();
      await pause(200);
      await server?.end('SIGTERM');
      await purging;
    }
    wrong.push(...(await wrongAfter(database, points.some(leavesFiles) ? env : undefined)));
    return { wrong, passed: passedIn(database) };
  } finally {
    over.abort();
    await server?.end('SIGKILL');
    await fal.close();
    await database.remove();
  }
}

async function wrongWith(
  jobs: Followed[],
  client: ReturnType<typeof clientOf>,
  fal: Awaited<ReturnType<typeof startSimulator>>,
): Promise<string[]> {
  const wrong: string[] = [];
  // What is recorded and was never answered, as a client's own second try with its key would find, ends as well.
  for (const id of await client.jobIds()) {
    while (!['SUCCEEDED', 'FAILED', 'CANCELLED'].includes((await client.look(id)).status)) await pause(100);
  }
  const ends: Record<string, string[]> = {
    training: ['SUCCEEDED', 'SUBMIT_UNCONFIRMED'],
    refused: ['INVALID_FINETUNE_ID', 'SUBMIT_UNCONFIRMED'],
    drawn: ['SUCCEEDED', 'SUBMIT_UNCONFIRMED'],
    queued: ['CANCELLED', 'SUBMIT_UNCONFIRMED'],
  };
  for (const { id, what, seen } of jobs) {
    const told = await client.look(id);
    const end = told.error?.code ?? told.status;
    if (!ends[what]?.includes(end)) wrong.push(`${what} ended ${end}`);
    const history = told.events.edges.map(({ node }) => node);
    if (JSON.stringify(seen) !== JSON.stringify(history)) wrong.push(`${what}: its follower saw another history`);
    if (history.some(({ sequence }, n) => sequence !== n + 1)) wrong.push(`${what}: its history has a gap`);
    if (history.filter(isTerminal).length !== 1) wrong.push(`${what}: not one end`);
    if (told.status === 'SUCCEEDED' && what === 'drawn' && told.images?.length !== 2)
      wrong.push('a picture is missing');
    for (const { url } of told.images ?? []) if (!(await fetch(url)).ok) wrong.push(`${what}: a picture is unreadable`);
    if (what === 'training' && told.status === 'SUCCEEDED' && told.avatar?.status !== 'READY') wrong.push('not READY');
  }
  if (new Set(await client.jobIds()).size !== (await client.jobIds()).length) wrong.push('a job is there twice');
  const prompts = fal.record.requests().map(({ input }) => JSON.stringify(input));
  for (const prompt of ['a fox', 'at sea', '[[queued]]']) {
    const submits = prompts.filter((text) => text.includes(prompt)).length;
    if (submits > 1) wrong.push(`fal has ${submits} requests of ${prompt}`);
  }
  return wrong;
}

const leavesFiles = (name: Failpoint) => /^(photo|file|finalize|purge)\./.test(name);

/** With settings, after one more start, on old files, whose sweep takes what a kill left behind. */
async function wrongAfter(database: ServerDatabase, settings: Record<string, string> | undefined): Promise<string[]> {
  const { DATA_DIR: dataDir = '', DATABASE_URL: url } = database.env;
  if (settings === undefined) return await wrongInFolder(dataDir, { swept: false, url });
  age(dataDir);
  const server = await startProcess(settings);
  // The sweep runs beside the first requests; a server that is told to end ends it first.
  await pause(300);
  await server.end('SIGTERM');
  return await wrongInFolder(dataDir, { swept: true, url });
}

function passedIn({ env }: ServerDatabase): string[] {
  const path = join(String(env['DATA_DIR']), 'failpoints.txt');
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
}

async function untilPassed(database: ServerDatabase, points: string[]): Promise<void> {
  const until = Date.now() + 30_000;
  while (!points.every((name) => passedIn(database).includes(name)) && Date.now() < until) await pause(50);
}
