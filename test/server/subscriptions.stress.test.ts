/** A thousand who follow real jobs: what they leave behind, and what one that stalls does to the others. */
import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { Job } from '../../prisma/generated/client/client.ts';
import { localViewer } from '../../src/access/session.ts';
import { globalId } from '../support/global-id.ts';
import { openSocket, subscribe } from '../support/http.ts';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';
import { addAvatar, addJob } from '../support/rows.ts';

const eventsDocument =
  'subscription($jobId: ID!, $after: Int) { jobEvents(jobId: $jobId, after: $after) { sequence } }';

let likeness: TestLikeness;
let job: Job;
let jobId: string;
beforeEach(async () => {
  // On a busy machine the others may take longer than a stalled client is given to say goodbye.
  likeness = await startLikeness({ manual: true, limits: { closeTimeoutMs: 100_000, pingIntervalMs: 600_000 } });
  const { prisma } = likeness.app;
  job = await addJob(prisma, await addAvatar(prisma, localViewer.id));
  jobId = globalId('Generation', job.id);
});
afterEach(() => likeness.close());

let lines = 0;
/** Appends log lines to the job's events and publishes them. */
const appendLines = async (count: number, length = 20) => {
  const { events, prisma } = likeness.app;
  const added = Array.from({ length: count }, () => ({
    type: 'LOGGED' as const,
    payload: { message: `${(lines += 1)} `.padEnd(length, 'x'), loggedAt: '2026-01-01T00:00:00Z', level: null },
  }));
  await prisma.$transaction((tx) => events.append(tx, job.id, added));
  events.nudge(await prisma.job.findUniqueOrThrow({ where: { id: job.id } }));
};

test('a thousand subscriptions, opened and left, leave no handle and no memory', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const round = async () => {
    const clients = Array.from({ length: 20 }, () => openSocket(likeness.url));
    const streams = clients.flatMap((client) =>
      Array.from({ length: 50 }, () => client.iterate({ query: eventsDocument, variables: { jobId } })),
    );
    const firsts = streams.map((stream) => stream.next());
    await appendLines(1);
    await Promise.all(firsts);
    // Half complete, half vanish with their socket.
    await Promise.all(streams.slice(0, 500).map((stream) => stream.return?.() ?? Promise.resolve()));
    clients.forEach((client) => client.terminate());
    await Promise.all(clients.map(async (client) => client.dispose()));
    await vi.waitFor(() => expect(likeness.app.events.openTails).toBe(0));
  };
  const measure = async () => {
    const sockets = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
    await vi.waitFor(() => expect(sockets()).toBeLessThanOrEqual(4));
    collect();
    await new Promise(setImmediate);
    collect();
    return {
      heap: process.memoryUsage().heapUsed,
      timers: process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length,
    };
  };
  await round();
  const before = await measure();
  for (let rounds = 0; rounds < 3; rounds += 1) await round();
  const after = await measure();
  // 3,000 more have come and gone. What one of them costs while it is there is over 10 KB.
  expect((after.heap - before.heap) / 1_000_000).toBeLessThan(6);
  expect(after.timers - before.timers).toBeLessThan(10);
});

test('one of a thousand stalls: it is cut off and resumes, the others get everything', async () => {
  const clients = Array.from({ length: 27 }, () => openSocket(likeness.url));
  const seen = clients.flatMap((client) =>
    Array.from({ length: 37 }, () => {
      const sequences: number[] = [];
      client.subscribe<{ jobEvents: { sequence: number } }>(
        { query: eventsDocument, variables: { jobId } },
        {
          next: ({ data }) => sequences.push(data?.jobEvents.sequence ?? 0),
          error: () => undefined,
          complete: () => undefined,
        },
      );
      return sequences;
    }),
  );
  expect(seen).toHaveLength(999);

  // It asks for each line twenty times over, so that a few hundred events fill every buffer on the way.
  const greedy = Array.from({ length: 20 }, (_, n) => `m${n}: message`).join(' ');
  const query = `subscription($jobId: ID!) { jobEvents(jobId: $jobId) { sequence ... on JobLogged { ${greedy} } } }`;
  const stalled = new WebSocket(`${likeness.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  await once(stalled, 'open');
  stalled.send('{"type":"connection_init"}');
  await once(stalled, 'message');
  const read: number[] = [];
  stalled.on('message', (data: Buffer) => {
    const { payload } = JSON.parse(data.toString()) as { payload: { data: { jobEvents: { sequence: number } } } };
    read.push(payload.data.jobEvents.sequence);
  });
  const cut = once(stalled, 'close');
  stalled.send(JSON.stringify({ type: 'subscribe', id: '1', payload: { query, variables: { jobId } } }));
  await appendLines(1, 5_000);
  await vi.waitFor(() => expect(read).toEqual([1]));
  stalled.pause();

  await vi.waitFor(() => expect(seen.every((sequences) => sequences.length === 1)).toBe(true));
  const before = process.memoryUsage.rss();
  for (let batch = 0; batch < 30; batch += 1) await appendLines(10, 5_000);
  await vi.waitFor(() => expect(seen.every((sequences) => sequences.length === 301)).toBe(true));
  for (const sequences of seen) expect(sequences).toEqual(Array.from({ length: 301 }, (_, n) => n + 1));
  expect((process.memoryUsage.rss() - before) / 1_000_000).toBeLessThan(300);

  // The server waits fifteen seconds for it, and then closes with a code that says how to go on.
  await vi.waitFor(() => expect(likeness.logged.join('')).toContain('a client does not read'));
  stalled.resume();
  const [code, reason] = (await cut) as [number, Buffer];
  expect([code, reason.toString()]).toEqual([4440, 'Slow consumer: resume with `after`']);
  const last = read.at(-1) ?? 0;
  expect(last).toBeLessThan(301);

  const resumed = subscribe<{ jobEvents: { sequence: number } }>(likeness.url, eventsDocument, { jobId, after: last });
  for (let sequence = last + 1; sequence <= 301; sequence += 1) {
    expect((await resumed.next()).value.data.jobEvents.sequence).toBe(sequence);
  }
  await resumed.close();
  await Promise.all(clients.map(async (client) => client.dispose()));
});
