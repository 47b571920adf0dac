/** Servers that share a bucket. Each has its own data folder, as on separate machines. */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { purgeDeletedAvatars } from '../../src/avatar/purge.ts';
import { type Simulator, startSimulator } from '../../src/fal-simulator/server.ts';
import { databases, type ServerDatabase } from '../support/databases.ts';
import { subscribe, upload } from '../support/http.ts';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';
import { photoNames, photoPath } from '../support/photos.ts';
import { runToEnd, startProcess } from '../support/process.ts';
import { TestS3 } from '../support/s3.ts';
import { sse } from '../support/scripted-fal.ts';
import { openScriptedJob, routes, says } from '../support/scripted-job.ts';

const createDocument = `mutation { createAvatar(input: { portrait: { name: "Ada" } }) { ... on PortraitAvatar { id } } }`;
const addDocument = `mutation($input: AddPhotosInput!) { addPhotos(input: $input) { __typename } }`;
const trainDocument = `mutation($input: StartTrainingInput!) { startTraining(input: $input) { ... on Job { id } ... on Error { message } } }`;
const generateDocument = `mutation($input: StartGenerationInput!) { startGeneration(input: $input) { ... on Job { id } ... on Error { message } } }`;
const deleteDocument = `mutation($id: ID!) { deleteAvatar(avatarId: $id) { __typename } }`;
const eventsDocument = `subscription($jobId: ID!) { jobEvents(jobId: $jobId) { __typename } }`;
const imagesDocument = `query($id: ID!) { node(id: $id) { ... on Generation { status images { url small: url(width: 100) } } } }`;

const photos = photoNames('good').slice(0, 10);
const uploads = photos.map((name, n) => ({
  path: `variables.input.files.${n}`,
  name,
  content: readFileSync(photoPath(`good/${name}`)),
}));

const newFolder = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'likeness-data-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

describe.each(databases)('on %s', (name, open) => {
  let s3: TestS3;
  let simulator: Simulator;
  let database: ServerDatabase;
  let env: Record<string, string>;
  let likeness: TestLikeness;
  beforeAll(async () => {
    s3 = await new TestS3().start();
    simulator = await startSimulator({ dataDir: undefined, speed: 'instant' });
    database = await open();
    const fal = { FAL_MODE: 'live', FAL_KEY: simulator.key, FAL_BASE_URL: simulator.url };
    env = { ...database.env, ...s3.env, ...fal };
    likeness = await startLikeness({ env, dataDir: database.env['DATA_DIR'] ?? '' });
  });
  afterAll(async () => {
    await likeness.close();
    await simulator.close();
    await database.remove();
    await s3.stop();
  });

  const ask = async <Data>(document: string, variables: Record<string, unknown> = {}) => {
    const { data, errors } = await likeness.gql<Data>(document, variables);
    if (data == null) throw new Error(JSON.stringify(errors));
    return data;
  };
  const generate = async (avatarId: string) => {
    const input = { avatarId, prompt: 'at sea', numImages: 2 };
    return (await ask<{ startGeneration: { id: string } }>(generateDocument, { input })).startGeneration.id;
  };
  const endOf = async (jobId: string) => {
    let last = '';
    const events = subscribe<{ jobEvents: { __typename: string } }>(likeness.url, eventsDocument, { jobId });
    for await (const { data } of events) last = data?.jobEvents.__typename ?? '';
    return last;
  };
  const imagesOf = async (id: string) =>
    (await ask<{ node: { images: { url: string; small: string }[] } }>(imagesDocument, { id })).node.images;
  const bytesOf = async (url: string, headers: Record<string, string> = {}) => {
    const response = await fetch(url, { headers });
    return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()), headers: response.headers };
  };

  test('one server trains and draws, others serve the files, an outage of the bucket passes, and at the end the bucket is empty', async () => {
    const avatarId = (await ask<{ createAvatar: { id: string } }>(createDocument)).createAvatar.id;
    const input = { avatarId, files: photos.map(() => null) };
    await upload(likeness.url, addDocument, { input }, uploads);
    const training = await ask<{ startTraining: { id: string } }>(trainDocument, { input: { avatarId } });
    expect(await endOf(training.startTraining.id)).toBe('JobSucceeded');
    const drawn = await generate(avatarId);
    expect(await endOf(drawn)).toBe('JobSucceeded');
    // Ten photos, the weights and their config, and two images, none of them on the local disk.
    expect(s3.objects.size).toBe(14);
    const here = join(likeness.dataDir, 'files');
    expect([readdirSync(here), readdirSync(join(here, 'temporary'))]).toEqual([['temporary'], []]);

    const [image] = await imagesOf(drawn);
    if (image === undefined) throw new Error('There is no picture.');
    const whole = await bytesOf(image.url);
    expect([whole.status, whole.bytes.length]).toEqual([200, Number(whole.headers.get('content-length'))]);
    const part = await bytesOf(image.url, { range: 'bytes=100-199' });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 100-199/${whole.bytes.length}`]);
    expect(part.bytes.equals(whole.bytes.subarray(100, 200))).toBe(true);

    // Another server shares only the database and the bucket. PGlite cannot be shared.
    const other = name === 'PostgreSQL' ? await startProcess({ ...env, DATA_DIR: await newFolder() }) : undefined;
    for (const at of [likeness.url, other?.url ?? likeness.url]) {
      const there = (url: string) => url.replace(likeness.url, at);
      expect((await bytesOf(there(image.url))).bytes.equals(whole.bytes)).toBe(true);
      expect((await bytesOf(there(image.small))).status).toBe(200);
    }
    await other?.end('SIGTERM');

    await s3.stop();
    const away = await bytesOf(image.url);
    expect([away.status, away.headers.get('retry-after')]).toEqual([503, '5']);
    const ready = await fetch(`${likeness.url}/ready`);
    expect([ready.status, await ready.json()]).toMatchObject([
      503,
      {
        ready: false,
        parts: { database: true, steps: true, disk: true, storage: expect.stringContaining('cannot be used now') },
      },
    ]);
    const refused = await upload(likeness.url, addDocument, { input }, uploads);
    expect([refused.status, refused.errors?.[0]?.extensions?.['code']]).toEqual([503, 'SERVICE_UNAVAILABLE']);
    const waiting = await generate(avatarId);
    await vi.waitFor(() => expect(likeness.logged.join('')).toContain('a step failed unexpectedly'));
    await s3.start();
    expect(await endOf(waiting)).toBe('JobSucceeded');
    expect((await imagesOf(waiting)).length).toBe(2);
    expect((await bytesOf(image.url)).bytes.equals(whole.bytes)).toBe(true);
    expect((await fetch(`${likeness.url}/ready`)).status).toBe(200);

    await ask(deleteDocument, { id: avatarId });
    const { app } = likeness;
    await purgeDeletedAvatars({ ...app, now: () => new Date(Date.now() + 60_000) });
    await app.files.sweep();
    expect([...s3.objects.keys()]).toEqual([]);
    expect(await app.prisma.storedFile.count()).toBe(0);
  });
});

describe('a job', () => {
  let s3: TestS3;
  beforeEach(async () => {
    s3 = await new TestS3().start();
  });
  afterEach(() => s3.stop());

  test('whose images are ready at fal waits for the bucket, however many attempts fail', async () => {
    const job = await openScriptedJob({}, s3.env);
    onTestFinished(() => job.close());
    job.fal.script(routes.submit, says.accepted);
    job.fal.script(routes.stream, sse([says.done]));
    const id = await job.startGeneration();
    await job.work(id, (status) => status === 'FINALIZING');
    await s3.stop();
    const { worker, app } = job.likeness;
    for (let steps = 0; steps < 12; ) {
      await app.prisma.$executeRaw`UPDATE pgboss.job SET start_after = now() WHERE state < 'active'`;
      steps += Math.max(1, await worker.tick());
    }
    const { status, failures } = await app.prisma.job.findFirstOrThrow();
    expect({ status, failures: failures > 10 }).toEqual({ status: 'FINALIZING', failures: true });
    await s3.start();
    await job.toTheEnd(id);
    expect((await job.look(id)).status).toBe('SUCCEEDED');
    expect(s3.objects.size).toBe(1);
  });
});

describe('a server', () => {
  test('does not start when the bucket rejects it, and prints the reason in one sentence', async () => {
    const s3 = await new TestS3().start();
    onTestFinished(() => s3.stop());
    const { code, output } = await runToEnd({ DATA_DIR: await newFolder(), ...s3.env, S3_BUCKET: 'other' });
    expect([code, output]).toEqual([1, expect.stringMatching(/^S3_BUCKET: there is no bucket other\. Create it/m)]);
    const stranger = { S3_ACCESS_KEY_ID: 'AKIA-of-another' };
    const refused = await runToEnd({ DATA_DIR: await newFolder(), ...s3.env, ...stranger });
    expect([refused.code, refused.output]).toEqual([1, expect.stringMatching(/^S3_ACCESS_KEY_ID: /m)]);
    expect(refused.output).not.toMatch(/AKIA|test-secret/);
  });

  test('starts while the bucket is unavailable, and becomes ready when the bucket is back', async () => {
    const s3 = await new TestS3().start();
    await s3.stop();
    const likeness = await startLikeness({ env: s3.env, manual: true });
    onTestFinished(() => likeness.close());
    expect((await fetch(`${likeness.url}/ready`)).status).toBe(503);
    await s3.start();
    onTestFinished(() => s3.stop());
    expect((await fetch(`${likeness.url}/ready`)).status).toBe(200);
    expect(likeness.logged.join('')).not.toMatch(/likeness-test|test-secret/);
  });
});
