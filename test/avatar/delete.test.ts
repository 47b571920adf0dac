import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { purgeDeletedAvatars } from '../../src/avatar/purge.ts';
import type { Client } from '../support/client.ts';
import { uuidIn } from '../support/global-id.ts';
import { subscribe } from '../support/http.ts';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';

let likeness: TestLikeness;
let client: Client;
beforeAll(async () => {
  likeness = await startLikeness();
  client = likeness.client;
});
afterAll(() => likeness.close());

type JobEvent = { __typename: string; job: { status: string } };

const draw = (avatarId: string, prompt: string) => client.startGeneration({ avatarId, prompt, numImages: 4 });

const remove = (id: string) =>
  client.field<{ __typename: string }>('mutation ($id: ID!) { deleteAvatar(avatarId: $id) { __typename } }', { id });

const follow = (jobId: string) =>
  subscribe<{ jobEvents: JobEvent }>(
    likeness.url,
    'subscription ($jobId: ID!) { jobEvents(jobId: $jobId) { __typename job { status } } }',
    { jobId },
  );

/** Reads events until one of that type or the end of the stream, and returns the last one. */
async function readTo(events: ReturnType<typeof follow>, type?: string): Promise<JobEvent | undefined> {
  let last: JobEvent | undefined;
  for (;;) {
    const { value, done } = await events.next();
    if (done) return last;
    expect(value.errors).toBeUndefined();
    last = value.data?.jobEvents;
    if (last?.__typename === type) return last;
  }
}

const filesOnDisk = () =>
  readdirSync(join(likeness.dataDir, 'files'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);

/** Runs the purge as if a minute had passed. */
const sweep = () => purgeDeletedAvatars({ ...likeness.app, now: () => new Date(Date.now() + 60_000) });

/** Expects that the database and the disk contain nothing of the avatar, and that no subscription is left open. */
async function expectGone(avatarId: string): Promise<void> {
  await sweep();
  const { prisma } = likeness.app;
  expect(await prisma.avatar.count({ where: { id: uuidIn(avatarId) } })).toBe(0);
  expect(await prisma.job.count({ where: { avatarId: uuidIn(avatarId) } })).toBe(0);
  // A step that was still packing the photos deletes its archive.
  await expect.poll(filesOnDisk).toEqual([]);
  expect(likeness.logged.filter((line) => line.includes('"level":50'))).toEqual([]);
  expect(likeness.app.events.openTails).toBe(0);
}

describe('deleting an avatar sends the end of its job to subscribers and leaves nothing behind', () => {
  it('before its training is submitted, while its photos are being packed', async () => {
    const id = await client.createPortraitWithPhotos({ triggerPhrase: 'TOK' });
    const events = follow(await client.startTraining({ avatarId: id }));
    await readTo(events, 'JobQueued');
    expect(await remove(id)).toEqual({ __typename: 'DeleteAvatarPayload' });
    expect(await readTo(events)).toEqual({ __typename: 'JobCancelled', job: { status: 'CANCELLED' } });
    await expectGone(id);
  });

  it.each([
    ['in fal’s queue', 'TOK [[queued]]', 'JobQueueMoved'],
    ['in progress at fal', 'TOK [[stuck]]', 'JobStarted'],
  ])('while its training is %s', async (_where, triggerPhrase, reached) => {
    const id = await client.createPortraitWithPhotos({ triggerPhrase });
    const events = follow(await client.startTraining({ avatarId: id }));
    await readTo(events, reached);
    await remove(id);
    expect(await readTo(events)).toEqual({ __typename: 'JobCancelled', job: { status: 'CANCELLED' } });
    await expectGone(id);
  });

  it.each([
    ['in fal’s queue', '[[queued]]', 'JobQueueMoved'],
    ['in progress at fal', '[[stuck]]', 'JobStarted'],
  ])('while a generation is %s', async (_where, prompt, reached) => {
    const id = await client.trainPortrait();
    const events = follow(await draw(id, prompt));
    await readTo(events, reached);
    await remove(id);
    expect(await readTo(events)).toEqual({ __typename: 'JobCancelled', job: { status: 'CANCELLED' } });
    await expectGone(id);
  });

  it('while its images are being downloaded, in which case the job succeeds', async () => {
    const id = await client.trainPortrait();
    const events = follow(await draw(id, 'on a hill'));
    await readTo(events, 'JobFinalizing');
    await remove(id);
    expect(await readTo(events)).toMatchObject({ __typename: 'JobSucceeded' });
    await expectGone(id);
  });

  it('four times at once, where one call succeeds and three get NotFoundError', async () => {
    const id = await client.trainPortrait();
    const events = [follow(await draw(id, '[[stuck]]')), follow(await draw(id, '[[queued]]'))];
    for (const stream of events) await readTo(stream, 'JobSubmitted');
    const answers = await Promise.all([1, 2, 3, 4].map(() => remove(id)));
    expect(answers.map(({ __typename }) => __typename).toSorted()).toEqual([
      'DeleteAvatarPayload',
      'NotFoundError',
      'NotFoundError',
      'NotFoundError',
    ]);
    for (const stream of events) expect(await readTo(stream)).toMatchObject({ __typename: 'JobCancelled' });
    await expectGone(id);
  });
});
