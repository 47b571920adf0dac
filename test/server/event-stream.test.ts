/** Server-sent events of one job for many clients: sharing a subscription, each gets what it would get alone. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import type { Job } from '../../prisma/generated/client/client.ts';
import { createApiKey, revokeApiKey } from '../../src/apikey/commands.ts';
import type { NewEvent } from '../../src/events/payload.ts';
import { countCalls } from '../support/calls.ts';
import { globalId } from '../support/global-id.ts';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';
import { addAvatar, addJob, addUser } from '../support/rows.ts';

const query =
  'subscription($jobId: ID!, $after: Int) { jobEvents(jobId: $jobId, after: $after) { sequence job { id status } ... on JobLogged { message } ... on JobQueueMoved { position } } }';

const token = 'a-token-to-scrape-with';

let likeness: TestLikeness;
beforeEach(async () => {
  likeness = await startLikeness({
    manual: true,
    env: { PUBLIC_URL: 'https://likeness.example', METRICS_TOKEN: token },
    limits: { stallTimeoutMs: 2_000, socketsPerOwner: 6 },
  });
});
afterEach(() => likeness.close());

async function owner() {
  const { app } = likeness;
  const { id } = await addUser(app.prisma);
  const job = await addJob(app.prisma, await addAvatar(app.prisma, id));
  return {
    job,
    jobId: globalId('Generation', job.id),
    ...(await createApiKey(app, id, { name: 'k', scopes: ['READ'] })),
  };
}

const line = (message: string): NewEvent => ({
  type: 'LOGGED',
  payload: { message, loggedAt: '2026-01-01T00:00:00Z', level: null },
});

async function appendEvents(job: Job, ...events: NewEvent[]): Promise<void> {
  const { app } = likeness;
  await app.prisma.$transaction((tx) => app.events.append(tx, job.id, events));
  app.events.nudge(await app.prisma.job.findUniqueOrThrow({ where: { id: job.id } }));
}

/** With any other Accept header, Yoga writes the stream, and the subscription is not shared. */
const alone = 'text/event-stream; charset=utf-8';

/** A stream as it arrives, and whether it has ended. */
async function open(key: string, variables: object, document = query, accept = 'text/event-stream') {
  const leave = new AbortController();
  onTestFinished(() => leave.abort());
  const response = await fetch(`${likeness.url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, accept, 'content-type': 'application/json' },
    body: JSON.stringify({ query: document, variables }),
    signal: leave.signal,
  });
  const stream = {
    status: response.status,
    headers: response.headers,
    text: '',
    isOver: false,
    leave: () => leave.abort(),
  };
  void (async () => {
    for await (const chunk of response.body ?? []) stream.text += Buffer.from(chunk).toString();
  })()
    .catch(() => undefined)
    .finally(() => (stream.isOver = true));
  return stream;
}

/** Without the comments, which only keep the connection alive. */
const eventsIn = (text: string) =>
  text
    .split('\n\n')
    .filter((event) => event !== '' && event !== ':')
    .map((event) => {
      const [, name, data = ''] = /^event: (\w+)\ndata:(.*)$/.exec(event) ?? [];
      return [name, data && (JSON.parse(data) as unknown)];
    });

const headersOf = (headers: Headers) => [...headers].filter(([name]) => name !== 'date');
/** How many event streams are open, and how many subscriptions are live. */
async function live(): Promise<[streams: number, subscriptions: number]> {
  const response = await fetch(`${likeness.url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  const text = await response.text();
  const read = (name: string) =>
    Number(
      text
        .split('\n')
        .find((row) => row.startsWith(`${name} `))
        ?.slice(name.length),
    );
  return [read('likeness_event_streams'), read('likeness_subscribers{subscription="jobEvents"}')];
}

test('shared or alone: the same head, events, error and end', async () => {
  const { apiKey: _apiKey, key, job, jobId } = await owner();
  const counted = countCalls('JobLogged', 'message');
  const own = await open(key, { jobId }, query, alone);
  const together = [await open(key, { jobId }), await open(key, { jobId })];
  const streams = [own, ...together];
  await appendEvents(job, line('ünïcödé €, 漢字, \u{1f600}, "quoted"'), { type: 'STARTED', payload: {} });
  // What has no position cannot be read.
  await appendEvents(job, { type: 'QUEUE_MOVED', payload: {} as never }, { type: 'CANCELLED', payload: {} });
  await vi.waitFor(() => expect(streams.map(({ isOver }) => isOver)).toEqual([true, true, true]));
  expect(own.text).toMatch(/event: next\ndata: \{"data":\{"jobEvents":\{"sequence":1,.*漢字.*\}\}\}\n\n/);
  expect(own.text).toContain('"errors":[{"message":"Unexpected error."');
  expect(own.text).toMatch(/\n\nevent: complete\ndata:\n\n$/);
  // Once for the stream of its own, and once for the shared subscription.
  expect(counted()).toBe(2);
  for (const { text, status, headers } of together) {
    expect(text).toMatch(/^:\n\nevent: next\n/);
    expect(eventsIn(text)).toEqual(eventsIn(own.text));
    expect([status, headersOf(headers)]).toEqual([own.status, headersOf(own.headers)]);
  }
  expect(await live()).toEqual([0, 0]);
});

test('shared or alone: the same refusals', async () => {
  const ada = await owner();
  const bob = await owner();
  const events = (below: string) => `job { events(first: 100) { edges { node { ${below} } } } }`;
  const costly = `subscription($jobId: ID!) { jobEvents(jobId: $jobId) { ${events(events(events('sequence')))} } }`;
  for (const [variables, document, code] of [
    [{ jobId: ada.jobId }, query, 'NOT_FOUND'],
    [{}, query, 'BAD_USER_INPUT'],
    [{ jobId: bob.jobId, after: 1.5 }, query, 'BAD_USER_INPUT'],
    [{ jobId: bob.jobId }, costly, 'DOCUMENT_TOO_COSTLY'],
  ] as const) {
    const answers = [await open(bob.key, variables, document, alone), await open(bob.key, variables, document)];
    await vi.waitFor(() => answers.forEach(({ isOver }) => expect(isOver).toBe(true)));
    const [first, second] = answers.map(({ status, text }) => [status, text]);
    expect(first?.[1]).toContain(`"code":"${code}"`);
    expect(second).toEqual(first);
  }
  expect(await live()).toEqual([0, 0]);
});

test('a client that leaves or loses its access is released; the others receive every event', async () => {
  const ada = await owner();
  const lent = await createApiKey(likeness.app, ada.job.ownerId, { name: 'lent', scopes: ['READ'] });
  await open(ada.key, { jobId: ada.jobId }).then(({ leave }) => leave());
  const [stays, leaves, revoked] = [
    await open(ada.key, { jobId: ada.jobId }),
    await open(ada.key, { jobId: ada.jobId }),
    await open(lent.key, { jobId: ada.jobId }),
  ];
  await vi.waitFor(async () => expect(await live()).toEqual([3, 3]));
  leaves.leave();
  await revokeApiKey(likeness.app, lent.apiKey.id);
  await vi.waitFor(async () => expect([...(await live()), revoked.isOver]).toEqual([1, 1, true]));
  // Without the end that a whole stream has.
  expect(eventsIn(revoked.text)).toEqual([]);
  await appendEvents(ada.job, line('one'), { type: 'CANCELLED', payload: {} });
  await vi.waitFor(() => expect(stays.isOver).toBe(true));
  expect(stays.text.match(/"sequence":\d+/g)).toEqual(['"sequence":1', '"sequence":2']);
  expect(await live()).toEqual([0, 0]);
});

test('one more than an owner may have is refused, and counts as none', async () => {
  const { key, jobId } = await owner();
  const streams = [];
  for (let n = 0; n < 6; n += 1) streams.push(await open(key, { jobId }));
  expect(streams.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
  const more = await open(key, { jobId });
  expect([more.status, more.headers.get('retry-after')]).toEqual([429, '1']);
  streams[0]?.leave();
  streams[1]?.leave();
  await vi.waitFor(async () => expect(await live()).toEqual([4, 4]));
  expect((await open(key, { jobId })).status).toBe(200);
});

test('one that does not read is cut off, and what waits for it is bounded; the others get everything', async () => {
  const { key, job, jobId } = await owner();
  const greedy = Array.from({ length: 20 }, (_, n) => `m${n}: message`).join(' ');
  const document = `subscription($jobId: ID!, $after: Int) { jobEvents(jobId: $jobId, after: $after) { sequence ... on JobLogged { ${greedy} } } }`;
  await open(key, { jobId }, document).then(({ leave }) => leave());
  const body = JSON.stringify({ query: document, variables: { jobId } });
  const stalled = connect(Number(new URL(likeness.url).port), '127.0.0.1');
  stalled.on('error', () => undefined);
  stalled.write(
    `POST /graphql HTTP/1.1\r\nhost: likeness.example\r\nauthorization: Bearer ${key}\r\naccept: text/event-stream\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  stalled.pause();
  const other = await open(key, { jobId }, document);
  await vi.waitFor(async () => expect(await live()).toEqual([2, 2]));
  for (let batch = 0; batch < 30; batch += 1) {
    await appendEvents(job, ...Array.from({ length: 10 }, (_, n) => line(`${batch} ${n} `.padEnd(5_000, '.'))));
  }
  await vi.waitFor(() => expect(other.text.match(/event: next/g)).toHaveLength(300));
  await vi.waitFor(async () => expect(await live()).toEqual([1, 1]));
  let bytes = 0;
  const closed = once(stalled, 'close');
  stalled.on('data', (chunk) => (bytes += chunk.length));
  stalled.resume();
  await closed;
  // What the system itself keeps of a connection, and little of the 30 MB besides.
  expect(bytes).toBeLessThan(10_000_000);
  expect(other.isOver).toBe(false);
});
