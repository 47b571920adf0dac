/** What a genuine webhook does: it supplies a lost request id, makes the step of a known job due, and else changes nothing. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Job, Prisma } from '../../../prisma/generated/client/client.ts';
import { type Claim, ClaimLost, commitStep } from '../../../src/job/runner/commit-step.ts';
import { hashOfKey } from '../../../src/job/webhook/fal-account.ts';
import { handleWebhook, type WebhookParts } from '../../../src/job/webhook/handle-webhook.ts';
import { type Generations, openGenerations } from '../../support/generations.ts';
import { addJob } from '../../support/rows.ts';

const hourMs = 3_600_000;
const userId = 'github|1';
const token = '0d9c8b7a-1111-4222-8333-444455556666';
const requestId = '6e0f4b0a-2f7c-4d6e-9b1a-0c1d2e3f4a5b';
const submittingAt = new Date('2026-01-01T00:00:00Z');
/** The row of a job whose submit is under way, or whose answer was lost. */
const intended = { admittedAt: submittingAt, submittingAt, correlationToken: token, deadlineAt: submittingAt };
const falUrls = {
  statusUrl: 'https://queue.fal.run/s',
  responseUrl: 'https://queue.fal.run/r',
  cancelUrl: 'https://queue.fal.run/c',
};
const atFal = { ...intended, requestId, submittedAt: submittingAt, falUrls };

let world: Generations;
let parts: WebhookParts;
let woken: number;
let avatar: Awaited<ReturnType<Generations['addAvatar']>>;
beforeAll(async () => {
  world = await openGenerations();
  const { app } = world;
  parts = { ...app, deadlineMs: () => hourMs, keyHash: hashOfKey('id:secret') };
  avatar = await world.addAvatar('PORTRAIT');
  app.steps.onWake(() => {
    woken += 1;
  });
});
afterAll(() => world.close());
beforeEach(async () => {
  woken = 0;
  await world.prisma.job.deleteMany();
  await world.prisma.falAccount.deleteMany();
  await world.app.steps.forgetAll();
});

/** A job with a step that waits for an hour. */
const add = async (columns: Partial<Prisma.JobUncheckedCreateInput>) => {
  const job = await addJob(world.prisma, avatar, columns);
  await world.prisma.$transaction((tx) => world.app.steps.enqueue(tx, job.id, { afterMs: hourMs }));
  return job;
};
const take = (notice: Partial<Parameters<typeof handleWebhook>[1]> = {}, as = parts) =>
  handleWebhook(as, { token, requestId, falUserId: userId, ...notice });
const look = async ({ id }: Pick<Job, 'id'>) => ({
  ...(await world.prisma.job.findUniqueOrThrow({ where: { id } })),
  events: await world.prisma.jobEvent.findMany({ where: { jobId: id }, orderBy: { sequence: 'asc' } }),
});
const due = async () => (await world.app.steps.lease(10)).map(({ jobId }) => jobId);
/** Everything that a webhook could have written. */
const everything = async () => ({
  jobs: await world.prisma.job.findMany({ include: { events: true } }),
  accounts: await world.prisma.falAccount.findMany(),
  due: await due(),
  woken,
});

describe('a request whose submit got no answer', () => {
  test('is recorded on the job, which continues as after an answer', async () => {
    const job = await add(intended);
    expect(await due()).toEqual([]);
    expect(await take()).toBe('TAKEN');
    expect(await look(job)).toMatchObject({
      status: 'IN_QUEUE',
      requestId,
      submittedAt: submittingAt,
      deadlineAt: new Date(submittingAt.getTime() + hourMs),
      falUrls: null,
      lastSequence: 1,
      events: [{ sequence: 1, type: 'SUBMITTED', payload: { requestId } }],
    });
    expect(woken).toBe(1);
    expect(await due()).toEqual([job.id]);
  });

  test('is recorded when the job has lost its step, and enqueues one', async () => {
    const job = await addJob(world.prisma, avatar, intended);
    expect(await take()).toBe('TAKEN');
    expect(await due()).toEqual([job.id]);
  });

  test('is recorded when the owner has asked to cancel the job, so that fal can be asked to stop', async () => {
    const job = await add({ ...intended, cancelRequestedAt: submittingAt });
    expect(await take()).toBe('TAKEN');
    expect(await look(job)).toMatchObject({ status: 'IN_QUEUE', cancelRequestedAt: submittingAt });
  });

  test('is recorded once when the webhook is repeated, also at the same time', async () => {
    const job = await add(intended);
    expect(await Promise.all(Array.from({ length: 10 }, () => take()))).toEqual(
      Array.from({ length: 10 }, () => 'TAKEN'),
    );
    const adopted = await look(job);
    expect(adopted.events).toHaveLength(1);
    expect(await take()).toBe('TAKEN');
    expect(await look(job)).toEqual(adopted);
    expect(await due()).toEqual([job.id]);
  });

  test('a step that still waits for the answer loses its claim', async () => {
    const attemptToken = randomUUID();
    const job = await add({ ...intended, attemptToken });
    const claim: Claim = { step: { id: randomUUID(), jobId: job.id }, token: attemptToken, job };
    expect(await take()).toBe('TAKEN');
    const adopted = await look(job);
    await expect(commitStep(parts, claim, { data: { submittingAt: null, correlationToken: null } })).rejects.toThrow(
      ClaimLost,
    );
    expect(await look(job)).toEqual(adopted);
  });

  test('is recorded on one job only', async () => {
    const other = { ...intended, correlationToken: randomUUID() };
    await add(intended);
    const second = await add(other);
    const answers = await Promise.all([take(), take({ token: other.correlationToken })]);
    expect(answers).toEqual(['TAKEN', 'FOREIGN']);
    expect(await look(second)).toMatchObject({ status: 'QUEUED', requestId: null, events: [] });
  });

  test('the database too refuses the same request on a second job', async () => {
    const columns = { ...atFal, status: 'IN_QUEUE' } as const;
    await addJob(world.prisma, avatar, columns);
    const again = addJob(world.prisma, avatar, { ...columns, correlationToken: randomUUID() });
    await expect(again).rejects.toMatchObject({ code: 'P2002' });
  });

  test('does not record the fal user, because only the token vouches for the request', async () => {
    await add(intended);
    await take();
    await take();
    expect(await world.prisma.falAccount.count()).toBe(0);
  });
});

describe('a job with a known request', () => {
  test.each([
    'IN_QUEUE',
    'IN_PROGRESS',
    'FINALIZING',
  ] as const)('%s: its step is brought forward, its row stays but for the notice', async (status) => {
    const job = await add({ ...atFal, status });
    const before = await look(job);
    let news = 0;
    world.app.events.onWebhook(job.id, () => {
      news += 1;
    });
    expect(await take()).toBe('TAKEN');
    expect(await look(job)).toEqual({ ...before, noticedAt: expect.any(Date) });
    expect([news, woken]).toEqual([1, 1]);
    expect(await due()).toEqual([job.id]);
  });

  test('no second step is enqueued beside a running one', async () => {
    const job = await addJob(world.prisma, avatar, { ...atFal, status: 'IN_QUEUE' });
    await world.prisma.$transaction((tx) => world.app.steps.enqueue(tx, job.id));
    expect(await due()).toEqual([job.id]);
    expect(await take()).toBe('TAKEN');
    expect(await due()).toEqual([]);
  });

  test('another request at the job’s URL is FOREIGN', async () => {
    await add({ ...atFal, status: 'IN_PROGRESS' });
    const before = await everything();
    expect(await take({ requestId: randomUUID() })).toBe('FOREIGN');
    expect(await everything()).toEqual(before);
  });
});

describe('our user at fal', () => {
  beforeEach(async () => {
    await add({ ...atFal, status: 'IN_QUEUE' });
    await take();
  });
  const stranger = { falUserId: 'github|2' };

  test('is recorded from a request whose id fal’s answer gave, once for each key', async () => {
    expect(await world.prisma.falAccount.findMany()).toMatchObject([{ keyHash: parts.keyHash, userId }]);
    expect(parts.keyHash).toMatch(/^[\da-f]{64}$/);
    expect(await take(stranger)).toBe('FOREIGN');
    expect(await take()).toBe('TAKEN');
    expect(await world.prisma.falAccount.findMany()).toMatchObject([{ userId }]);
  });

  test('another user’s request is not recorded', async () => {
    const orphan = { ...intended, correlationToken: randomUUID() };
    const job = await add(orphan);
    const notice = { token: orphan.correlationToken, requestId: randomUUID() };
    const before = await everything();
    expect(await take({ ...notice, ...stranger })).toBe('FOREIGN');
    expect(await everything()).toEqual({ ...before, due: [] });
    expect(await take(notice)).toBe('TAKEN');
    expect(await look(job)).toMatchObject({ status: 'IN_QUEUE' });
  });

  test('is unknown again after a change of the key', async () => {
    expect(await take(stranger, { ...parts, keyHash: hashOfKey('other:secret') })).toBe('TAKEN');
    expect(await world.prisma.falAccount.count()).toBe(2);
  });
});

describe('other webhooks change nothing', () => {
  test('a token of no job', async () => {
    await add(intended);
    const before = await everything();
    expect(await take({ token: randomUUID() })).toBe('UNKNOWN');
    expect(await everything()).toEqual(before);
  });

  const ended = { finishedAt: submittingAt };
  const failed = { ...ended, status: 'FAILED', errorMessage: 'No.' } as const;
  test.each<[string, Partial<Prisma.JobUncheckedCreateInput>]>([
    ['that succeeded', { ...atFal, ...ended, status: 'SUCCEEDED', percent: 100, output: { images: 1 } }],
    ['that failed', { ...atFal, ...failed, errorCode: 'TIMED_OUT' }],
    ['that was cancelled', { ...atFal, ...ended, status: 'CANCELLED' }],
    ['whose submit was given up', { ...intended, ...failed, errorCode: 'SUBMIT_UNCONFIRMED' }],
  ])('a job %s', async (_name, columns) => {
    await addJob(world.prisma, avatar, columns);
    const { jobs } = await everything();
    expect(await take()).toBe('TAKEN');
    expect(await everything()).toMatchObject({ jobs, due: [], woken: 0 });
  });
});
