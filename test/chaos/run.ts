/**
 * One chaos run: owners at work, a fal that does wrong, a server that is killed. When it is over, everything is let come
 * to rest, and then looked at from outside.
 */
import { join } from 'node:path';
import { Agent, setGlobalDispatcher } from 'undici';
import { randomFrom } from '../../src/fal/simulator/random.ts';
import { freePort } from '../support/process.ts';
import type { Journal } from './client.ts';
import { startFal } from './fal.ts';
import { age, wrongInFolder } from './folder.ts';
import { type Held, heldBy, leftOver } from './left-over.ts';
import { listedJobs, outcomeOf } from './outcome.ts';
import { callerFor, type Owner } from './owner.ts';
import { type MortalServer, startMortal } from './server.ts';
import { troubleFal, troubleServer } from './trouble.ts';
import { learn, work } from './work.ts';

export type ChaosOptions = {
  seed: number;
  jobs: number;
  /** How long jobs are started and things go wrong. */
  minutes: number;
  owners: Owner[];
  /** An empty folder, or one with an empty database. */
  dataDir: string;
  /** Also fal's deadlines: how long one that never answers is waited for. */
  deadlineSeconds: { generation: number; training: number };
};

export type ChaosReport = {
  seed: number;
  jobs: number;
  ends: Map<string, number>;
  refusals: Map<string, number>;
  faults: Map<string, number>;
  kills: number;
  drains: number;
  falRestarts: number;
  connections: number;
  events: number;
  durationMs: number;
  slowestRecoveryMs: number;
  /** What the server held when it was fresh, and when all clients had gone. */
  atStart: Held;
  atEnd: Held;
  loggedErrors: Map<string, number>;
  /** Empty when every promise was kept. */
  wrong: string[];
};

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, owners, dataDir, deadlineSeconds } = options;
  const began = performance.now();
  // The clients' own idle connections, which the server would keep for a minute, are not what is looked for at the end.
  setGlobalDispatcher(new Agent({ keepAliveTimeout: 1_000, keepAliveMaxTimeout: 1_000 }));
  const random = randomFrom('chaos', seed);
  const fal = await startFal(join(dataDir, 'chaos-fal'), await freePort());
  const port = await freePort();
  const server = await startMortal({
    PORT: String(port),
    DATA_DIR: dataDir,
    FAL_MODE: 'live',
    FAL_KEY: fal.key,
    FAL_BASE_URL: fal.url,
    GENERATION_DEADLINE_SECONDS: String(deadlineSeconds.generation),
    TRAINING_DEADLINE_SECONDS: String(deadlineSeconds.training),
    // Few enough that a line forms.
    FAL_JOBS_AT_ONCE: String(random.int(3, 6)),
    // Without it, fal is asked, and never calls.
    ...(random.chance(0.7) && { PUBLIC_URL: `http://127.0.0.1:${port}` }),
  });
  const atStart = heldBy(server.pid);
  const given = new AbortController();
  let tags = 0;
  const journal: Journal = {
    started: [],
    followed: [],
    refusals: new Map(),
    wrong: [],
    signal: given.signal,
    nextTag: () => (tags += 1),
  };
  const callers = owners.map((owner) => callerFor(owner, server.url, given.signal));
  try {
    const avatars = await learn(callers, random, journal);
    const workMs = options.minutes * 60_000;
    const over = new AbortController();
    const trouble = Promise.all([
      troubleServer(server, seed, workMs, over.signal),
      troubleFal(fal, seed, workMs, over.signal),
    ]);
    const each = Math.ceil(options.jobs / callers.length);
    await Promise.all(
      callers.map((caller, n) =>
        work(caller, avatars[n] ?? [], { jobs: each, workMs, random: randomFrom('owner', seed, n), journal }),
      ),
    );
    over.abort();
    await trouble;

    const rest = setTimeout(() => given.abort(), 1000 * (deadlineSeconds.training + 30));
    const streams = await Promise.all(journal.followed.map(async ({ job, whole }) => ({ job, ...(await whole) })));
    clearTimeout(rest);
    const reading = callers.map(({ owner }) => callerFor(owner, server.url, AbortSignal.timeout(60_000)));
    const { wrong } = journal;
    const listed = new Set((await Promise.all(reading.map(listedJobs))).flat());
    for (const { id, tag } of journal.started) if (!listed.delete(id)) wrong.push(`${tag}: the job is not listed`);
    for (const id of listed) wrong.push(`${id}: nobody started this job`);
    const ends = new Map<string, number>();
    let events = 0;
    for (const job of journal.started) {
      const caller = reading[callers.indexOf(job.caller)] ?? job.caller;
      const own = streams.filter((stream) => stream.job === job);
      const outcome = await outcomeOf({ ...job, caller }, own, fal);
      ends.set(outcome.end, (ends.get(outcome.end) ?? 0) + 1);
      events += outcome.events;
      wrong.push(...outcome.wrong.map((what) => `${job.tag} (${job.id}), ${outcome.end}: ${what}`));
    }
    const held = await leftOver(() => heldBy(server.pid), atStart);
    wrong.push(...held.wrong, ...(await wrongAtTheEnd(server, dataDir)));
    return {
      seed,
      jobs: journal.started.length,
      ends,
      refusals: journal.refusals,
      faults: fal.faultsDone(),
      kills: server.kills,
      drains: server.drains,
      falRestarts: fal.restarts,
      connections: streams.reduce((sum, { connections }) => sum + connections, 0),
      events,
      durationMs: performance.now() - began,
      slowestRecoveryMs: server.slowestRecoveryMs,
      atStart,
      atEnd: held.atEnd,
      loggedErrors: counted(server.errors()),
      wrong,
    };
  } finally {
    given.abort();
    await server.stop();
    await fal.close();
  }
}

/** Stops the server, lets what it left grow old, and starts and stops it once more. */
async function wrongAtTheEnd(server: MortalServer, dataDir: string): Promise<string[]> {
  const wrong: string[] = [];
  const stop = async () => {
    const code = await server.stop();
    if (code !== 0) wrong.push(`the server ended with ${code} on SIGTERM`);
  };
  await stop();
  wrong.push(...(await wrongInFolder(dataDir, { swept: false })));
  age(dataDir);
  await server.start();
  await stop();
  wrong.push(...(await wrongInFolder(dataDir, { swept: true })));
  return wrong;
}

function counted(lines: string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
  return counts;
}
