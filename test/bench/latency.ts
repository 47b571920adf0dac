/**
 * The latency of a log line, through the database, from fal's status stream to the frame at the client, at 100 lines per
 * second. Compared with a client that reads the same stream directly.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
import { openSocket } from '../support/http.ts';
import { startProcess } from '../support/process.ts';
import { hasRedis, openRedisServer } from '../support/redis.ts';
import { execute, importStyle, startGeneration } from './client.ts';
import { openBenchDatabase, versionOfPostgres } from './database.ts';
import type { Figure, PartOptions } from './part.ts';
import { median, quantile, round } from './rounds.ts';
import { versioned } from './versions.ts';

const intervalMs = 10;
/** Lines of this first period are not measured, because both paths are still cold. */
const warmUpMs = 1_000;

/** In milliseconds. `committed` is a direct reader that also inserts and commits lines on one otherwise idle connection. */
type Latencies = { served: number[]; direct: number[]; committed: number[] };

export async function measure({ isQuick, report }: PartOptions): Promise<Figure[]> {
  const rounds = isQuick ? { count: 1, ms: 3_000 } : { count: 3, ms: 6_000 };
  const database = await openBenchDatabase();
  const shared = await openBenchDatabase();
  const fal = fork(join(import.meta.dirname, 'fal-stream-process.ts'), [String(intervalMs)]);
  const [falUrl] = (await once(fal, 'message')) as [string];
  const env = {
    FAL_MODE: 'live',
    FAL_KEY: 'stream:only',
    FAL_BASE_URL: falUrl,
    FAL_STATUS_READS_PER_MINUTE: '1000000',
  };
  const embedded = await startProcess({ ...env, DATA_DIR: database.folder() });
  const cluster = await startProcess({ ...env, DATA_DIR: database.folder(), DATABASE_URL: database.url });
  const redis = hasRedis ? await openRedisServer() : undefined;
  const roleEnv = redis && { ...env, DATA_DIR: shared.folder(), DATABASE_URL: shared.url, REDIS_URL: redis.url };
  const web = roleEnv && (await startProcess({ ...roleEnv, ROLE: 'web' }));
  const worker = roleEnv && (await startProcess({ ...roleEnv, ROLE: 'worker' }));
  try {
    const postgres = await versionOfPostgres(database);
    await database.sql.run('CREATE TABLE line (message text)');
    const commit = (message: string) => database.sql.query('INSERT INTO line VALUES ($1)', [message]);
    const results = new Map<string, Latencies[]>();
    const setups = [
      { name: postgres, url: cluster.url, goal: { p50: 2, p99: 8 } },
      { name: 'PGlite', url: embedded.url, goal: { p50: 4, p99: 15 } },
      ...(web ? [{ name: 'through Redis from another process', url: web.url, goal: { p50: 3, p99: 10 } }] : []),
    ];
    for (let n = 0; n < rounds.count; n += 1) {
      for (const { name, url } of n % 2 === 0 ? setups : setups.toReversed()) {
        results.set(name, [...(results.get(name) ?? []), await measureJob(url, falUrl, rounds.ms, commit)]);
      }
    }
    return setups.flatMap(({ name, goal }) =>
      ([0.5, 0.99] as const).map((share) => {
        const of = (path: keyof Latencies) =>
          (results.get(name) ?? []).map((latencies) => quantile(latencies[path], share));
        const [served, direct, committed] = [of('served'), of('direct'), of('committed')];
        const more = median(served.map((ms, n) => ms - (direct[n] ?? Number.NaN)));
        const label = share === 0.5 ? 'p50' : 'p99';
        const maxMs = share === 0.5 ? goal.p50 : goal.p99;
        report(`${name} ${label}: ${round(median(served))} ms, direct ${round(median(direct))} ms`);
        return {
          label: `from a log line at fal to the client’s frame, at ${1000 / intervalMs} lines per second, ${name}: ${label}`,
          figure: `${round(more)} ms more, ${round(median(served))} ms in total`,
          against: `reading fal’s stream directly: ${round(median(direct))} ms; committing each line with ${versioned('pg')}, ${round(median(committed))} ms`,
          goal: `at most ${maxMs} ms more`,
          isMet: more <= maxMs,
        };
      }),
    );
  } finally {
    await embedded.end('SIGTERM');
    await cluster.end('SIGTERM');
    await web?.end('SIGTERM');
    await worker?.end('SIGTERM');
    await redis?.stop();
    fal.kill();
    await database.remove();
    await shared.remove();
  }
}

/** Follows one job for `ms` through the server and directly at the same time. Then measures the direct reader that commits. */
async function measureJob(url: string, falUrl: string, ms: number, commit: (message: string) => Promise<unknown>) {
  const latencies: Latencies = { served: [], direct: [], committed: [] };
  let since = process.hrtime.bigint() + BigInt(warmUpMs) * 1_000_000n;
  const record = (path: keyof Latencies, message: string) => {
    const now = process.hrtime.bigint();
    const sent = BigInt(message);
    if (sent > since) latencies[path].push(Number(now - sent) / 1e6);
  };
  const commitLine = (message: string) => {
    // One commit at a time. A line that arrives during a commit is not measured.
    committing ??= (async () => {
      await commit(message);
      record('committed', message);
      committing = undefined;
    })();
  };
  let committing: Promise<void> | undefined;
  const jobId = await startGeneration(url, await importStyle(url, 'none'), 'followed');
  const client = openSocket(url);
  const query = `subscription ($id: ID!) { jobEvents(jobId: $id, after: 0) { ... on JobLogged { message } } }`;
  const unsubscribe = client.subscribe<{ jobEvents: { message?: string } }>(
    { query, variables: { id: jobId } },
    {
      next: ({ data }) => data?.jobEvents.message !== undefined && record('served', data.jobEvents.message),
      error: () => undefined,
      complete: () => undefined,
    },
  );
  const stream = `${falUrl}/requests/${await requestOf(url, jobId)}/status/stream`;
  await readDirectly(stream, warmUpMs + ms, (message) => record('direct', message));
  unsubscribe();
  await client.dispose();
  await execute(url, 'mutation ($id: ID!) { cancelJob(jobId: $id) { __typename } }', { id: jobId });
  await sleep(warmUpMs);
  // After the others and not at the same time, because both would wait for the same disk.
  since = process.hrtime.bigint();
  await readDirectly(stream, ms / 2, commitLine);
  await committing;
  return latencies;
}

async function requestOf(url: string, jobId: string): Promise<string> {
  for (;;) {
    const { node } = await execute<{ node: { requestId: string | null } }>(
      url,
      'query ($id: ID!) { node(id: $id) { ... on Job { requestId } } }',
      { id: jobId },
    );
    if (node.requestId !== null) return node.requestId;
    await sleep(10);
  }
}

async function readDirectly(url: string, ms: number, onMessage: (message: string) => void): Promise<void> {
  const signal = AbortSignal.timeout(ms);
  const parser = createParser({
    onEvent({ data }) {
      const { logs } = JSON.parse(data) as { logs: { message: string }[] };
      for (const { message } of logs) onMessage(message);
    },
  });
  try {
    const { body } = await fetch(url, { signal });
    const decoder = new TextDecoder();
    for await (const chunk of body ?? []) parser.feed(decoder.decode(chunk, { stream: true }));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
