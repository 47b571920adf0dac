/** Many who follow one job: that they are answered together changes nothing of what anybody sees. */
import { once } from 'node:events';
import { type Client, createClient } from 'graphql-ws';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { Job } from '../../../prisma/generated/client/client.ts';
import { createApiKey, revokeApiKey } from '../../../src/apikey/commands.ts';
import type { NewEvent } from '../../../src/events/payload.ts';
import { countCalls } from '../../support/calls.ts';
import { globalId } from '../../support/global-id.ts';
import { startLikeness, type TestLikeness } from '../../support/likeness.ts';
import { addAvatar, addJob, addUser } from '../../support/rows.ts';

const documents = [
  'subscription($jobId: ID!, $after: Int) { jobEvents(jobId: $jobId, after: $after) { sequence __typename ... on JobLogged { message } } }',
  'subscription A($jobId: ID!, $after: Int) { jobEvents(jobId: $jobId, after: $after) { __typename ... on JobLogged { message level } sequence } }',
  'subscription($jobId: ID!, $after: Int, $all: Boolean = false) { jobEvents(after: $after, jobId: $jobId) { sequence __typename ... on JobLogged { message @include(if: $all) } } }',
];

type Seen = { sequence: number; __typename: string; message?: string };

let likeness: TestLikeness;
beforeEach(async () => {
  // Keys are asked for, and a client that does not read has five seconds.
  likeness = await startLikeness({
    manual: true,
    env: { PUBLIC_URL: 'https://likeness.example' },
    limits: { stallTimeoutMs: 5_000, closeTimeoutMs: 10_000, connectionInitTimeoutMs: 30_000 },
  });
});
afterEach(() => likeness.close());

/** Somebody with a job that was queued, and their keys. */
async function owner() {
  const { app } = likeness;
  const { id } = await addUser(app.prisma);
  const job = await addJob(app.prisma, await addAvatar(app.prisma, id));
  const newKey = async () => await createApiKey(app, id, { name: 'k', scopes: ['READ'] });
  return { job, jobId: globalId('Generation', job.id), newKey, ...(await newKey()) };
}

let lines = 0;
const line = (of: string, length = 20): NewEvent => ({
  type: 'LOGGED',
  payload: { message: `${of} ${(lines += 1)} `.padEnd(length, '.'), loggedAt: '2026-01-01T00:00:00Z', level: null },
});

async function appendEvents(job: Job, events: NewEvent[]): Promise<void> {
  const { app } = likeness;
  await app.prisma.$transaction((tx) => app.events.append(tx, job.id, events));
  app.events.nudge(await app.prisma.job.findUniqueOrThrow({ where: { id: job.id } }));
}

function clientOf(key: string): Client {
  const client = createClient({
    url: `${likeness.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${key}` },
    retryAttempts: 0,
  });
  onTestFinished(() => void client.dispose());
  return client;
}

/** What a subscriber sees, and how it ended. */
function follow(client: Client, query: string, variables: Record<string, unknown>) {
  const seen: Seen[] = [];
  const ended: { how?: number | string } = {};
  const leave = client.subscribe<{ jobEvents: Seen }>(
    { query, variables },
    {
      next: ({ data, errors }) => {
        if (data) seen.push(data.jobEvents);
        else ended.how = JSON.stringify(errors);
      },
      error: (error) => {
        ended.how = (error as { code?: number }).code ?? JSON.stringify(error);
      },
      complete: () => (ended.how ??= 'complete'),
    },
  );
  return { seen, ended, leave };
}

const upTo = (last: number, after = 0) => Array.from({ length: last - after }, (_, n) => after + n + 1);
const numbersOf = (seen: Seen[]) => seen.map(({ sequence }) => sequence);

test('each client receives the events after its sequence number, once and in order, whatever it selects and whoever leaves', async () => {
  const ada = await owner();
  const bob = await owner();
  const lent = await ada.newKey();
  await appendEvents(
    ada.job,
    Array.from({ length: 5 }, () => line('ada')),
  );
  await appendEvents(bob.job, [line('bob')]);
  const sockets = [ada.key, ada.key, ada.key].map(clientOf);
  const join = (n: number, client = sockets[n % 3] as Client) => {
    const after = n % 7;
    // A number that was not given yet stands for the newest.
    const follower = follow(client, documents[n % 3] as string, { jobId: ada.jobId, after, all: n % 2 === 0 });
    return { ...follower, n, from: Math.min(after, 5), document: n % 3 };
  };
  const followers = Array.from({ length: 42 }, (_, n) => join(n));
  const revoked = join(0, clientOf(lent.key));
  const bobs = documents.map((query) => follow(clientOf(bob.key), query, { jobId: bob.jobId }));
  const strangers = documents.map((query) => follow(clientOf(bob.key), query, { jobId: ada.jobId }));
  await vi.waitFor(() => {
    for (const { seen, ended, from } of [...followers, revoked]) expect([seen.length, ended]).toEqual([5 - from, {}]);
    for (const { seen } of bobs) expect(seen).toHaveLength(1);
    for (const { ended } of strangers) expect(ended.how).toContain('NOT_FOUND');
  });

  let last = 5;
  const leavers = followers.filter(({ n }) => n % 5 === 4);
  for (let round = 1; round <= 10; round += 1) {
    const burst = (round * 7) % 40;
    last += burst + 1;
    await appendEvents(ada.job, [
      ...Array.from({ length: burst }, () => line('ada')),
      { type: 'STARTED', payload: {} },
    ]);
    if (round === 5) await revokeApiKey(likeness.app, lent.apiKey.id);
    leavers[round]?.leave();
    await appendEvents(bob.job, [line('bob')]);
  }
  await vi.waitFor(() => expect(revoked.ended.how).toBe(4403));
  const late = join(3);
  await appendEvents(ada.job, [line('ada'), { type: 'CANCELLED', payload: {} }]);
  last += 2;
  await appendEvents(bob.job, [{ type: 'CANCELLED', payload: {} }]);
  await vi.waitFor(() => {
    for (const { ended } of [...followers, ...bobs, late]) expect(ended.how).toBe('complete');
  });

  const history = await likeness.app.prisma.jobEvent.findMany({
    where: { jobId: ada.job.id },
    orderBy: { sequence: 'asc' },
  });
  expect(history).toHaveLength(last);
  const messages = history.map(({ payload }) => (payload as { message?: string }).message);
  for (const { seen, from, n, document } of [...followers, late]) {
    const hasLeft = leavers.slice(1, 11).some((leaver) => leaver.n === n);
    expect(numbersOf(seen)).toEqual(upTo(hasLeft ? from + seen.length : last, from));
    const hasMessages = document !== 2 || n % 2 === 0;
    expect(seen.map(({ message }) => message)).toEqual(
      seen.map(({ sequence }) => (hasMessages ? messages[sequence - 1] : undefined)),
    );
  }
  expect(numbersOf(revoked.seen)).toEqual(upTo(revoked.seen.length));
  for (const { seen } of bobs) {
    expect(numbersOf(seen)).toEqual(upTo(12));
    expect(seen.every(({ message }) => message === undefined || message.startsWith('bob'))).toBe(true);
  }
  expect(strangers.flatMap(({ seen }) => seen)).toEqual([]);
  expect(likeness.app.events.openTails).toBe(0);
});

test('an event is resolved once for all clients with the same operation, and once for each other operation', async () => {
  const ada = await owner();
  const writer = await createApiKey(likeness.app, ada.job.ownerId, { name: 'w', scopes: ['WRITE'] });
  const client = clientOf(ada.key);
  const variables = { jobId: ada.jobId };
  const counted = countCalls('JobLogged', 'message');
  const followers = [
    ...Array.from({ length: 50 }, () => follow(client, documents[0] as string, variables)),
    // The same in other words, the same with another variable that counts, and twice the same with other scopes.
    follow(client, documents[1] as string, variables),
    follow(client, documents[2] as string, { ...variables, all: true }),
    ...Array.from({ length: 2 }, () => follow(clientOf(writer.key), documents[0] as string, variables)),
  ];
  await appendEvents(ada.job, [line('ada')]);
  await vi.waitFor(() => followers.forEach(({ seen }) => expect(seen).toHaveLength(1)));

  const before = counted();
  await appendEvents(ada.job, [line('ada')]);
  await vi.waitFor(() => followers.forEach(({ seen }) => expect(seen).toHaveLength(2)));
  expect(counted() - before).toBe(4);
});

test('one of those who are answered together stalls: it alone is cut off, and it resumes', async () => {
  const ada = await owner();
  const greedy = Array.from({ length: 20 }, (_, n) => `m${n}: message`).join(' ');
  const query = `subscription($jobId: ID!, $after: Int) { jobEvents(jobId: $jobId, after: $after) { sequence ... on JobLogged { ${greedy} } } }`;
  const others = Array.from({ length: 3 }, () => follow(clientOf(ada.key), query, { jobId: ada.jobId }));
  const stalled = new WebSocket(`${likeness.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  onTestFinished(() => stalled.terminate());
  await once(stalled, 'open');
  stalled.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${ada.key}` } }));
  await once(stalled, 'message');
  const read: number[] = [];
  stalled.on('message', (data: Buffer) => {
    const { payload } = JSON.parse(data.toString()) as { payload: { data: { jobEvents: Seen } } };
    read.push(payload.data.jobEvents.sequence);
  });
  const cut = once(stalled, 'close');
  stalled.send(JSON.stringify({ type: 'subscribe', id: '1', payload: { query, variables: { jobId: ada.jobId } } }));
  await appendEvents(ada.job, [line('ada', 5_000)]);
  await vi.waitFor(() => expect(read).toEqual([1]));
  stalled.pause();
  for (let batch = 0; batch < 30; batch += 1)
    await appendEvents(
      ada.job,
      Array.from({ length: 10 }, () => line('ada', 5_000)),
    );
  await vi.waitFor(() => others.forEach(({ seen }) => expect(numbersOf(seen)).toEqual(upTo(301))));
  await vi.waitFor(() => expect(likeness.logged.join('')).toContain('a client does not read'));
  // What waits for it is one message of 100 kB and the batch that it was sent in, of 30 MB that the others have read.
  const waiting = likeness.logged.flatMap((text) => /"waitingBytes":(\d+)/.exec(text)?.[1] ?? []).map(Number);
  expect(Math.max(...waiting)).toBeLessThan(1_000_000);
  stalled.resume();
  const [code] = (await cut) as [number];
  expect(code).toBe(4440);
  const last = read.at(-1) ?? 0;
  expect(read).toEqual(upTo(last));
  expect(last).toBeLessThan(301);
  const resumed = follow(clientOf(ada.key), query, { jobId: ada.jobId, after: last });
  await vi.waitFor(() => expect(numbersOf(resumed.seen)).toEqual(upTo(301, last)));
  others.forEach(({ ended }) => expect(ended).toEqual({}));
});

test('answered together or alone, an event is the same to the byte, and so is its error', async () => {
  const ada = await owner();
  const query =
    'subscription($jobId: ID!) { jobEvents(jobId: $jobId) { ...Beside sequence job { id status } ... on JobLogged { message } ... on JobQueueMoved { position } } } fragment Beside on JobEvent { occurredAt }';
  // A fragment for the field itself is answered alone.
  const alone =
    'subscription($jobId: ID!) { ...Whole } fragment Whole on Subscription { jobEvents(jobId: $jobId) { ...Beside sequence job { id status } ... on JobLogged { message } ... on JobQueueMoved { position } } } fragment Beside on JobEvent { occurredAt }';
  const texts: string[][] = [];
  for (const document of [query, query, alone]) {
    const socket = new WebSocket(`${likeness.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    onTestFinished(() => socket.terminate());
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${ada.key}` } }));
    await once(socket, 'message');
    const received: string[] = [];
    texts.push(received);
    socket.on('message', (data: Buffer) => received.push(data.toString()));
    const payload = { query: document, variables: { jobId: ada.jobId } };
    socket.send(JSON.stringify({ type: 'subscribe', id: 'é"1', payload }));
  }
  await vi.waitFor(() => expect(likeness.app.events.openTails).toBe(1));
  await appendEvents(ada.job, [line('ünïcödé €, 漢字, \u{1f600}, "quoted"'), { type: 'STARTED', payload: {} }]);
  await vi.waitFor(() => texts.forEach((received) => expect(received).toHaveLength(2)));
  // What has no position cannot be read.
  await appendEvents(ada.job, [
    { type: 'QUEUE_MOVED', payload: {} as never },
    { type: 'CANCELLED', payload: {} },
  ]);
  await vi.waitFor(() => texts.forEach((received) => expect(received).toHaveLength(5)));
  expect(texts[0]?.[0]).toContain('{"id":"é\\"1","type":"next","payload":{"data":{"jobEvents":{"occurredAt":');
  expect(texts[0]?.[0]).toContain('漢字');
  expect(texts[0]?.[2]).toContain('"payload":{"data":null,"errors":[{"message":"Unexpected error."');
  expect(texts[0]?.[4]).toBe('{"id":"é\\"1","type":"complete"}');
  expect(texts[1]).toEqual(texts[0]);
  const withoutColumns = (received: string[] = []) => received.map((text) => text.replace(/"column":\d+/, ''));
  expect(withoutColumns(texts[2])).toEqual(withoutColumns(texts[0]));
});

test('what would cost too much is refused, as alone', async () => {
  const ada = await owner();
  const events = (below: string) => `job { events(first: 100) { edges { node { ${below} } } } }`;
  const query = `subscription($jobId: ID!) { jobEvents(jobId: $jobId) { ${events(events(events('sequence')))} } }`;
  const { ended, seen } = follow(clientOf(ada.key), query, { jobId: ada.jobId });
  await vi.waitFor(() => expect(ended.how).toContain('DOCUMENT_TOO_COSTLY'));
  expect(seen).toEqual([]);
});
