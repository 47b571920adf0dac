/** /metrics over HTTP, while real jobs run against the simulated fal: what it counts adds up. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Client } from '../support/client.ts';
import { sse, subscribe } from '../support/http.ts';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';
import { type Sample, scrape, sumOf } from './exposition.ts';

const grantDocument = `mutation($input: CreditsInput!) { grantCredits(input: $input) { __typename ... on Error { message } } }`;
const eventsDocument = `subscription($jobId: ID!) { jobEvents(jobId: $jobId) { __typename sequence } }`;

const secret = 'canary-of-a-prompt';

describe('a training and its pictures', () => {
  let likeness: TestLikeness;
  let client: Client;
  let avatarId: string;
  let steps = 0;
  beforeAll(async () => {
    likeness = await startLikeness({ manual: true, env: { METERING: 'on' } });
    client = likeness.client;
    avatarId = await client.createPortraitWithPhotos();
    const { viewer } = await client.send<{ viewer: { id: string } }>('{ viewer { id } }');
    await client.send(grantDocument, { input: { userId: viewer.id, credits: 500, reason: 'welcome' } });
  });
  afterAll(() => likeness.close());

  /** What a scrape shows once it shows this: what is read from the database may be a second old. */
  const shows = (check: (samples: Sample[]) => void) =>
    vi.waitFor(async () => check(await scrape(likeness.url)), { interval: 100 });
  const work = async () => {
    const unfinished = () => likeness.app.prisma.job.count({ where: { finishedAt: null } });
    while ((await unfinished()) > 0) steps += await likeness.worker.tick();
  };
  const credits = (samples: Sample[]) =>
    ['available', 'reserved', 'earned'].map((account) => sumOf(samples, 'likeness_ledger_credits', { account }));

  test('wait, work, and end: jobs, credits, steps and calls', async () => {
    await shows((samples) => {
      expect(sumOf(samples, 'likeness_jobs')).toBe(0);
      expect(sumOf(samples, 'likeness_jobs_waiting')).toBe(0);
      expect(sumOf(samples, 'likeness_jobs_waiting_oldest_seconds')).toBe(0);
      expect(credits(samples)).toEqual([500, 0, 0]);
    });

    await client.startTraining({ avatarId });
    const trainer = { kind: 'TRAINING', endpoint: 'fal-ai/flux-lora-portrait-trainer' };
    await shows((samples) => {
      expect(sumOf(samples, 'likeness_jobs')).toBe(1);
      expect(sumOf(samples, 'likeness_jobs', { ...trainer, status: 'QUEUED' })).toBe(1);
      expect(sumOf(samples, 'likeness_jobs_waiting')).toBe(1);
      expect(sumOf(samples, 'likeness_jobs_waiting_oldest_seconds')).toBeGreaterThan(0);
      expect(credits(samples)).toEqual([350, 150, 0]);
    });

    await work();
    await shows((samples) => {
      expect(sumOf(samples, 'likeness_jobs')).toBe(0);
      expect(credits(samples)).toEqual([350, 0, 150]);
      expect(sumOf(samples, 'likeness_fal_calls_total', { call: 'submit' })).toBe(1);
      expect(sumOf(samples, 'likeness_fal_calls_total', { call: 'upload', outcome: 'ok' })).toBeGreaterThan(0);
      expect(sumOf(samples, 'likeness_fal_calls_total', { call: 'download', outcome: 'ok' })).toBe(2);
    });

    for (let n = 0; n < 3; n += 1) {
      await client.startGeneration({ avatarId, prompt: `${secret} at sea`, numImages: 2 });
    }
    const lora = { kind: 'GENERATION', endpoint: 'fal-ai/flux-lora', status: 'QUEUED' };
    await shows((samples) => {
      expect(sumOf(samples, 'likeness_jobs', lora)).toBe(3);
      expect(credits(samples)).toEqual([320, 30, 150]);
    });
    await work();
    await shows((samples) => {
      expect(sumOf(samples, 'likeness_jobs')).toBe(0);
      expect(credits(samples)).toEqual([320, 0, 180]);
    });

    const samples = await scrape(likeness.url);
    expect(sumOf(samples, 'likeness_step_duration_seconds_count')).toBe(steps);
    expect(sumOf(samples, 'likeness_step_duration_seconds_count', { outcome: 'ended', step: 'finalize' })).toBe(4);
    expect(sumOf(samples, 'likeness_fal_calls_total', { call: 'submit', outcome: 'ok' })).toBe(4);
    expect(sumOf(samples, 'likeness_fal_calls_total', { call: 'result', outcome: 'ok' })).toBe(4);
    expect(sumOf(samples, 'likeness_fal_calls_total', { call: 'download', outcome: 'ok' })).toBe(2 + 3 * 2);
    const counted = sumOf(samples, 'likeness_fal_calls_total');
    expect(sumOf(samples, 'likeness_fal_call_duration_seconds_count')).toBe(counted);
    for (const outcome of ['4xx', '429', '5xx', 'network', 'timeout']) {
      expect(sumOf(samples, 'likeness_fal_calls_total', { outcome })).toBe(0);
    }
  });

  test('subscribers, sockets and streams, while they are there; what is live has a lag', async () => {
    const jobId = await client.startGeneration({ avatarId });
    const before = sumOf(await scrape(likeness.url), 'likeness_event_lag_seconds_count');
    const socket = subscribe(likeness.url, eventsDocument, { jobId });
    const stream = sse(likeness.url, eventsDocument, { jobId });
    const changes = subscribe(likeness.url, 'subscription { jobChanged { __typename } }');
    onTestFinished(() => changes.close());
    const changed = changes.next();
    await Promise.all([socket.next(), stream.next()]);
    await shows((samples) => {
      expect(sumOf(samples, 'likeness_sockets')).toBe(2);
      expect(sumOf(samples, 'likeness_event_streams')).toBe(1);
      expect(sumOf(samples, 'likeness_subscribers', { subscription: 'jobEvents' })).toBe(2);
      expect(sumOf(samples, 'likeness_subscribers', { subscription: 'jobChanged' })).toBe(1);
    });
    await work();
    await changed;
    let live = 0;
    for await (const _event of socket) live += 1;
    for await (const _event of stream) live += 1;
    await changes.close();
    await shows((samples) => {
      // The socket and the stream share one subscription, so each event counts once. The first event was a replay.
      expect(sumOf(samples, 'likeness_event_lag_seconds_count') - before).toBe(live / 2);
      expect(sumOf(samples, 'likeness_sockets')).toBe(0);
      expect(sumOf(samples, 'likeness_event_streams')).toBe(0);
      expect(sumOf(samples, 'likeness_subscribers')).toBe(0);
      expect(sumOf(samples, 'likeness_http_request_duration_seconds_count', { route: '/graphql (stream)' })).toBe(1);
    });
  });

  test('no label is anybody’s to make up', async () => {
    await fetch(`${likeness.url}/${secret}`, { method: 'DELETE' });
    await fetch(`${likeness.url}/files/${secret}`);
    await fetch(`${likeness.url}/webhooks/fal/${secret}`);
    const text = await (await fetch(`${likeness.url}/metrics`)).text();
    expect(text).not.toContain(secret);
    expect(text).not.toMatch(/[\da-f]{8}-[\da-f]{4}-/);
    const samples = await scrape(likeness.url);
    const ofRequests = { route: 'other', method: 'other', status: '4xx' };
    expect(sumOf(samples, 'likeness_http_request_duration_seconds_count', ofRequests)).toBe(1);
    const named = samples.filter(({ name }) => name.startsWith('likeness_'));
    const kinds = 'kind endpoint status account step outcome call subscription route method limit read le';
    expect(new Set(named.flatMap(({ labels }) => Object.keys(labels)))).toEqual(new Set(kinds.split(' ')));
  });
});

describe('what is refused, by the limit that refused it', () => {
  test('bytes, and operations', async () => {
    const env = { PUBLIC_URL: 'https://likeness.example', OPERATIONS_PER_MINUTE: '2', METRICS_TOKEN: 'x'.repeat(16) };
    const likeness = await startLikeness({ manual: true, env, limits: { requestBytes: 500 } });
    onTestFinished(() => likeness.close());
    await likeness.gql(`{ viewer { id } } #${'x'.repeat(500)}`);
    for (let n = 0; n < 4; n += 1) await likeness.gql('{ viewer { id } }');
    const samples = await scrape(likeness.url, env.METRICS_TOKEN);
    expect(sumOf(samples, 'likeness_refused_total', { limit: 'request_bytes' })).toBe(1);
    expect(sumOf(samples, 'likeness_refused_total', { limit: 'operations' })).toBe(3);
    expect(sumOf(samples, 'likeness_refused_total')).toBe(4);
  });
});
