/** /metrics over HTTP, while real jobs run against the simulated fal: what it counts adds up. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { sse, subscribe, upload } from '../support/http.ts';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';
import { photoNames, photoPath } from '../support/photos.ts';
import { type Sample, scrape, sumOf } from './exposition.ts';

const createDocument = `mutation { createAvatar(input: { portrait: { name: "Ada" } }) { ... on PortraitAvatar { id } } }`;
const addDocument = `mutation($input: AddPhotosInput!) { addPhotos(input: $input) { __typename } }`;
const trainDocument = `mutation($input: StartTrainingInput!) { startTraining(input: $input) { __typename ... on Job { id } ... on Error { message } } }`;
const generateDocument = `mutation($input: StartGenerationInput!) { startGeneration(input: $input) { __typename ... on Job { id } ... on Error { message } } }`;
const grantDocument = `mutation($input: CreditsInput!) { grantCredits(input: $input) { __typename ... on Error { message } } }`;
const eventsDocument = `subscription($jobId: ID!) { jobEvents(jobId: $jobId) { __typename sequence } }`;

const secret = 'canary-of-a-prompt';

describe('a training and its pictures', () => {
  let likeness: TestLikeness;
  let avatarId: string;
  let steps = 0;
  beforeAll(async () => {
    likeness = await startLikeness({ manual: true, env: { METERING: 'on' } });
    avatarId = (await ask<{ createAvatar: { id: string } }>(createDocument)).createAvatar.id;
    const files = photoNames('good')
      .slice(0, 10)
      .map((name, n) => ({
        path: `variables.input.files.${n}`,
        name,
        content: readFileSync(photoPath(`good/${name}`)),
      }));
    await upload(likeness.url, addDocument, { input: { avatarId, files: files.map(() => null) } }, files);
    const { viewer } = await ask<{ viewer: { id: string } }>('{ viewer { id } }');
    await ask(grantDocument, { input: { userId: viewer.id, credits: 500, reason: 'welcome' } });
  });
  afterAll(() => likeness.close());

  const ask = async <Data>(document: string, variables: Record<string, unknown> = {}) => {
    const { data, errors } = await likeness.gql<Data>(document, variables);
    if (data == null) throw new Error(JSON.stringify(errors));
    return data;
  };
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

    await ask(trainDocument, { input: { avatarId } });
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
      const { startGeneration } = await ask<{ startGeneration: { __typename: string } }>(generateDocument, {
        input: { avatarId, prompt: `${secret} at sea`, numImages: 2 },
      });
      expect(startGeneration.__typename).toBe('Generation');
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
    const { startGeneration } = await ask<{ startGeneration: { id: string } }>(generateDocument, {
      input: { avatarId, prompt: 'at sea' },
    });
    const jobId = startGeneration.id;
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
