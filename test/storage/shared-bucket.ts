/** Servers that share a bucket. Each has its own data folder, as on separate machines. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { purgeDeletedAvatars } from '../../src/avatar/purge.ts';
import { type Simulator, startSimulator } from '../../src/fal-simulator/server.ts';
import type { ServerDatabase } from '../support/databases.ts';
import { subscribe, upload } from '../support/http.ts';
import { emptyFolder, startLikeness, type TestLikeness } from '../support/likeness.ts';
import { photoNames, photoPath } from '../support/photos.ts';
import { startProcess } from '../support/process.ts';
import { TestS3 } from '../support/s3.ts';

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

/** One server trains and draws over a bucket on this database. On PostgreSQL another serves the files, too. */
export const describeBucketOn = (name: string, open: () => Promise<ServerDatabase>) =>
  describe(`on ${name}`, () => {
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
      const other = name === 'PostgreSQL' ? await startProcess({ ...env, DATA_DIR: emptyFolder() }) : undefined;
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
