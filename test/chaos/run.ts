/**
 * One chaos run: owners at work, a fal that does wrong, a server that is killed. When it is over, everything is let come
 * to rest, and then looked at from outside.
 */
import { join } from 'node:path';
import { Agent, setGlobalDispatcher } from 'undici';
import { randomFrom } from '../../src/fal-simulator/random.ts';
import { freePort } from '../support/process.ts';
import type { Journal, StartedJob } from './client.ts';
import { startFal } from './fal.ts';
import { startFleet } from './fleet.ts';
import { age, wrongInFolder } from './folder.ts';
import { type Held, heldBy, leftOver } from './left-over.ts';
import { awaitRest, type Granted, granter, moneyOf, whole } from './money.ts';
import { listedJobs, outcomeOf, tagOf } from './outcome.ts';
import { type Caller, callerFor, type Owner } from './owner.ts';
import { type MortalServer, startMortal } from './server.ts';
import { troubleFal, troubleServer } from './trouble.ts';
import { watchJobs } from './watcher.ts';
import { learn, work } from './work.ts';

export type ChaosOptions = {
  seed: number;
  jobs: number;
  /** How long jobs are started and things go wrong. */
  minutes: number;
  owners: Owner[];
  /** With more than one they share a PostgreSQL and a Redis of the run's own. Default: 1. */
  processes?: number;
  /** An empty folder, or one with an empty database. */
  dataDir: string;
  /** Also fal's deadlines: how long one that never answers is waited for. */
  deadlineSeconds: { generation: number; training: number };
};

export type ChaosReport = {
  seed: number;
  processes: number;
  jobs: number;
  ends: Map<string, number>;
  refusals: Map<string, number>;
  faults: Map<string, number>;
  kills: number;
  drains: number;
  falRestarts: number;
  connections: number;
  events: number;
  /** Credits of all owners. */
  money: { granted: number; paid: number };
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
  const { seed, owners, dataDir, deadlineSeconds, processes = 1 } = options;
  const began = performance.now();
  // The clients' own idle connections, which the server would keep for a minute, are not what is looked for at the end.
  setGlobalDispatcher(new Agent({ keepAliveTimeout: 1_000, keepAliveMaxTimeout: 1_000 }));
  const random = randomFrom('chaos', seed);
  const fal = await startFal(join(dataDir, 'chaos-fal'), await freePort());
  // Few enough at once that a line forms. Without a PUBLIC_URL, fal is asked, and never calls.
  const jobsAtOnce = random.int(3, 6);
  const isCalled = random.chance(0.7);
  const env = (url: string) => ({
    DATA_DIR: dataDir,
    METERING: 'on',
    FAL_MODE: 'live',
    FAL_KEY: fal.key,
    FAL_BASE_URL: fal.url,
    GENERATION_DEADLINE_SECONDS: String(deadlineSeconds.generation),
    TRAINING_DEADLINE_SECONDS: String(deadlineSeconds.training),
    FAL_JOBS_AT_ONCE: String(jobsAtOnce),
    ...(isCalled && { PUBLIC_URL: url }),
  });
  const port = await freePort();
  const fleet = processes === 1 ? undefined : await startFleet(processes, env);
  const server = fleet ?? (await startMortal({ ...env(`http://127.0.0.1:${port}`), PORT: String(port) }));
  const atStart = heldBy(server.pids);
  const given = new AbortController();
  const granted: Granted = new Map();
  let tags = 0;
  const journal: Journal = {
    started: [],
    gone: [],
    retried: new Set(),
    followed: [],
    refusals: new Map(),
    wrong: [],
    signal: given.signal,
    nextTag: () => (tags += 1),
    grant: granter(callerFor({ name: 'admin', headers: {} }, server.url, given.signal), granted),
  };
  const callers = owners.map((owner) => callerFor(owner, server.url, given.signal));
  const watching = new AbortController();
  const watched = owners.map((owner) => watchJobs(callerFor(owner, server.url, watching.signal), watching.signal));
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
    for (const reader of reading) await awaitRest(reader, 1000 * (deadlineSeconds.training + 30));
    const { wrong } = journal;
    watching.abort();
    const money = { granted: 0, paid: 0 };
    for (const [n, reader] of reading.entries()) {
      const isOwn = ({ caller }: { caller: unknown }) => caller === callers[n];
      await readList(reader, journal, isOwn);
      const gone = journal.gone.filter(isOwn);
      const own = journal.started.filter(isOwn);
      const counted = await moneyOf(reader, granted.get(reader.owner.name) ?? 0, own, gone);
      wrong.push(...counted.wrong);
      money.granted = whole([money.granted, counted.granted]);
      money.paid = whole([money.paid, counted.paid]);
      const ids = new Set([...own, ...gone].map(({ id }) => id));
      for (const id of (await watched[n]) ?? []) {
        if (!ids.has(id)) wrong.push(`${reader.owner.name} was told of ${id}, which is not theirs`);
      }
    }
    const ends = new Map<string, number>();
    let events = 0;
    const alike = (tag: string) => journal.started.filter((other) => other.tag === tag).length;
    for (const job of journal.started) {
      const caller = reading[callers.indexOf(job.caller)] ?? job.caller;
      const own = streams.filter((stream) => stream.job === job);
      const outcome = await outcomeOf({ ...job, caller, alike: alike(job.tag) }, own, fal);
      ends.set(outcome.end, (ends.get(outcome.end) ?? 0) + 1);
      events += outcome.events;
      wrong.push(...outcome.wrong.map((what) => `${job.tag} (${job.id}), ${outcome.end}: ${what}`));
    }
    const held = await leftOver(() => heldBy(server.pids), atStart);
    wrong.push(...held.wrong, ...(await wrongAtTheEnd(server, dataDir, fleet?.databaseUrl)));
    return {
      seed,
      processes,
      jobs: journal.started.length,
      ends,
      refusals: journal.refusals,
      faults: fal.faultsDone(),
      kills: server.kills,
      drains: server.drains,
      falRestarts: fal.restarts,
      connections: streams.reduce((sum, { connections }) => sum + connections, 0),
      events,
      money,
      durationMs: performance.now() - began,
      slowestRecoveryMs: server.slowestRecoveryMs,
      atStart,
      atEnd: held.atEnd,
      loggedErrors: counted(server.errors()),
      wrong,
    };
  } finally {
    given.abort();
    watching.abort();
    await server.stop();
    await fleet?.close();
    await fal.close();
  }
}

/** Holds an owner's list against what they were answered; a retry that they were not told of is taken up. */
async function readList(reader: Caller, journal: Journal, isOwn: (job: StartedJob) => boolean): Promise<void> {
  const { started, retried, wrong } = journal;
  const listed = new Set(await listedJobs(reader));
  for (const { id, tag } of started.filter(isOwn)) if (!listed.delete(id)) wrong.push(`${tag}: the job is not listed`);
  for (const id of listed) {
    const tag = await tagOf(reader, id);
    const like = started.filter(isOwn).find((job) => job.tag === tag);
    if (like === undefined || !retried.has(tag)) wrong.push(`${id}: nobody started this job`);
    else started.push({ ...like, id });
  }
}

/** Stops the server, lets what it left grow old, and starts and stops it once more. */
async function wrongAtTheEnd(server: MortalServer, dataDir: string, url: string | undefined): Promise<string[]> {
  const wrong: string[] = [];
  const stop = async () => {
    const code = await server.stop();
    if (code !== 0) wrong.push(`the server ended with ${code} on SIGTERM`);
  };
  await stop();
  wrong.push(...(await wrongInFolder(dataDir, { swept: false, url })));
  age(dataDir);
  await server.start();
  await stop();
  wrong.push(...(await wrongInFolder(dataDir, { swept: true, url })));
  return wrong;
}

function counted(lines: string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
  return counts;
}
