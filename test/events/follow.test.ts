import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Avatar, Job, JobEvent } from '../../prisma/generated/client/client.ts';
import type { EmbeddedDatabase } from '../../src/database/embedded-database.ts';
import { readEvents, writeJob } from '../../src/events/event-log.ts';
import { Events } from '../../src/events/events.ts';
import { Nudges } from '../../src/events/nudges.ts';
import type { NewEvent } from '../../src/events/payload.ts';
import { openTestDatabase } from '../support/database.ts';
import { addAvatar, addJob, addUser } from '../support/rows.ts';

const log = (message: string): NewEvent => ({
  type: 'LOGGED',
  payload: { message, loggedAt: '2026-01-01T00:00:00Z', level: null },
});
const logs = (from: number, count: number) => Array.from({ length: count }, (_, n) => log(`line ${from + n}`));

let database: EmbeddedDatabase;
let statements = 0;
let isBroken = false;
beforeAll(async () => {
  database = await openTestDatabase();
  const query = database.pglite.query.bind(database.pglite);
  database.pglite.query = ((...args: Parameters<typeof query>) => {
    statements += 1;
    if (isBroken) throw new Error('The database is broken by the test.');
    return query(...args);
  }) as typeof query;
});
afterAll(() => database.close());

describe('subscriptions to a job', () => {
  let events: Events;
  let avatar: Avatar;
  let job: Job;
  let isNudgeLost = false;
  beforeEach(async () => {
    const nudges = new Nudges();
    const send = nudges.send.bind(nudges);
    nudges.send = (topic, detail) => (isNudgeLost ? undefined : send(topic, detail));
    events = new Events(database.prisma, nudges);
    avatar = await addAvatar(database.prisma, (await addUser(database.prisma)).id);
    job = await addJob(database.prisma, avatar);
    statements = 0;
    isBroken = false;
    isNudgeLost = false;
  });
  afterEach(() => events.close());

  const append = async (added: NewEvent[], { nudge = true } = {}) => {
    await database.prisma.$transaction((tx) => events.append(tx, job.id, added));
    job = await database.prisma.job.findUniqueOrThrow({ where: { id: job.id } });
    if (nudge) events.nudge(job);
  };
  const finish = async () => {
    await database.prisma.job.update({ where: { id: job.id }, data: { status: 'CANCELLED', finishedAt: new Date() } });
    await append([{ type: 'CANCELLED', payload: {} }]);
  };
  const all = async (stream: AsyncIterable<JobEvent>) => {
    const sequences: number[] = [];
    for await (const event of stream) sequences.push(event.sequence);
    return sequences;
  };
  const upTo = (count: number) => Array.from({ length: count }, (_, n) => n + 1);

  test('a subscription to a deleted job ends, whether it waits or begins', async () => {
    await append(logs(0, 2));
    const following = all(events.follow(job.id, 0));
    const waiting = events.follow(job.id, 2).next();
    await expect.poll(() => events.openTails).toBe(1);
    await database.prisma.job.delete({ where: { id: job.id } });
    await events.reread();
    expect(await following).toEqual([1, 2]);
    expect(await waiting).toEqual({ value: undefined, done: true });
    expect(await all(events.follow(job.id, 0))).toEqual([]);
    expect(events.openTails).toBe(0);
  });

  test('a subscription sends the log, then new events, and ends after the terminal event', async () => {
    await append(logs(0, 3));
    const following = all(events.follow(job.id, 0));
    await append(logs(3, 2));
    await append(logs(5, 1));
    await finish();
    expect(await following).toEqual(upTo(7));
    expect(events.openTails).toBe(0);
  });

  test('a subscription starts after any number, without a gap or a repeat', async () => {
    await append(logs(0, 10));
    const followings = upTo(10).map((after) => all(events.follow(job.id, after)));
    await append(logs(10, 5));
    await finish();
    expect(await Promise.all(followings)).toEqual(upTo(10).map((after) => upTo(16).slice(after)));
  });

  test('a subscription after the terminal event ends at once; a number that does not exist yet counts as the newest', async () => {
    await append(logs(0, 1));
    const early = all(events.follow(job.id, 99));
    await vi.waitFor(() => expect(events.openTails).toBe(1));
    await finish();
    expect(await early).toEqual([2]);
    expect(await all(events.follow(job.id, 2))).toEqual([]);
    expect(await all(events.follow(job.id, 99))).toEqual([]);
    expect(await all(events.follow(job.id, 1))).toEqual([2]);
  });

  test('a lost nudge delays an event and loses none', async () => {
    const stream = events.follow(job.id, 0);
    const first = stream.next();
    await append(logs(0, 1));
    expect((await first).value).toMatchObject({ sequence: 1 });
    const second = stream.next();
    await append(logs(1, 1), { nudge: false });
    await events.reread();
    expect((await second).value).toMatchObject({ sequence: 2 });
    await stream.return?.();
  });

  test('events that this process wrote are delivered without a read, even if their nudge is lost', async () => {
    const live = events.follow(job.id, 0);
    await append(logs(0, 1));
    await live.next();
    const waiting = live.next();
    await new Promise(setImmediate);
    const expected = { id: job.id, status: null, token: null };
    const added = (await writeJob(database.prisma, expected, {}, logs(1, 2)))?.events ?? [];
    statements = 0;
    isNudgeLost = true;
    events.publish({ ...job, lastSequence: 3 }, added);
    expect([(await waiting).value, (await live.next()).value]).toEqual(added);
    expect(statements).toBe(0);
    expect(added).toEqual(await readEvents(database.prisma, job.id, 1, 10));
    await live.return?.();
  });

  test('events that this process wrote after those of another process are read together with them', async () => {
    const live = events.follow(job.id, 0);
    await append(logs(0, 1));
    await live.next();
    await append(logs(1, 1), { nudge: false });
    const expected = { id: job.id, status: null, token: null };
    const written = await writeJob(database.prisma, expected, {}, logs(2, 1));
    events.publish({ ...job, lastSequence: 3 }, written?.events ?? []);
    expect([(await live.next()).value, (await live.next()).value]).toMatchObject([{ sequence: 2 }, { sequence: 3 }]);
    await live.return?.();
  });

  test('a short failure of the database ends no stream, neither at the live end nor far behind it', async () => {
    const live = events.follow(job.id, 0);
    const first = live.next();
    const behind = events.follow(job.id, 0);
    const firstBehind = behind.next();
    await append(logs(0, 300));
    await append(logs(300, 1));
    expect([(await first).value, (await firstBehind).value]).toMatchObject([{ sequence: 1 }, { sequence: 1 }]);
    for (let n = 2; n <= 301; n += 1) await live.next();
    isBroken = true;
    const waiting = [live.next(), behind.next()];
    events.nudge(job);
    await new Promise(setImmediate);
    await expect(events.reread()).rejects.toThrow('broken');
    isBroken = false;
    await append(logs(301, 1), { nudge: false });
    await events.reread();
    expect((await Promise.all(waiting)).map(({ value }) => (value as JobEvent).sequence)).toEqual([302, 2]);
    await Promise.all([live.return?.(), behind.return?.()]);
    expect(events.openTails).toBe(0);
  });

  test('many subscribers to one job cost one read of each event', async () => {
    const followings = Array.from({ length: 200 }, () => all(events.follow(job.id, 0)));
    await append(logs(0, 1));
    await new Promise(setImmediate);
    const streams = Array.from({ length: 200 }, () => events.follow(job.id, 1));
    const firsts = streams.map((stream) => stream.next());
    await finish();
    expect(await Promise.all(followings)).toEqual(Array.from({ length: 200 }, () => [1, 2]));
    expect((await Promise.all(firsts)).map(({ value }) => (value as JobEvent).sequence)).toEqual(Array(200).fill(2));
    // Each of the 400 subscribers reads the job's row once. The two events are read a few times, not 400 times.
    expect(statements).toBeLessThan(400 + 60);
    await Promise.all(streams.map((stream) => stream.return?.() ?? Promise.resolve()));
  });

  test('a subscriber that does not read delays no other, falls out of the buffer, and still misses no event', async () => {
    const slow = events.follow(job.id, 0);
    const first = slow.next();
    const quick = all(events.follow(job.id, 0));
    await append(logs(0, 1));
    expect((await first).value).toMatchObject({ sequence: 1 });
    for (let batch = 0; batch < 5; batch += 1) await append(logs(1 + batch * 200, 200));
    await finish();
    expect(await quick).toEqual(upTo(1002));
    expect(await all(slow)).toEqual(upTo(1002).slice(1));
  });

  test('a subscriber that leaves while it waits is released at once', async () => {
    const streams = Array.from({ length: 1000 }, () => events.follow(job.id, 0));
    const waits = streams.map((stream) => stream.next());
    await append(logs(0, 1));
    await Promise.all(waits);
    const second = streams.map((stream) => stream.next());
    expect(events.openTails).toBe(1);
    await Promise.all(streams.map((stream) => stream.return?.() ?? Promise.resolve()));
    expect(new Set((await Promise.all(second)).map(({ done }) => done))).toEqual(new Set([true]));
    expect(events.openTails).toBe(0);
  });

  test('a subscriber that leaves before its first event is released', async () => {
    const stream = events.follow(job.id, 0);
    const first = stream.next();
    await stream.return?.();
    expect(await first).toEqual({ value: undefined, done: true });
    expect(events.openTails).toBe(0);
  });
});

describe('subscriptions to an owner’s jobs', () => {
  let events: Events;
  let avatar: Avatar;
  beforeEach(async () => {
    events = new Events(database.prisma, new Nudges());
    avatar = await addAvatar(database.prisma, (await addUser(database.prisma)).id);
  });
  afterEach(() => events.close());
  const change = async (job: Job, { nudge = true } = {}) => {
    await database.prisma.$transaction((tx) =>
      events.append(tx, job.id, [{ type: 'QUEUE_MOVED', payload: { position: 1 } }]),
    );
    if (nudge) events.nudge(await database.prisma.job.findUniqueOrThrow({ where: { id: job.id } }));
  };

  test('a job that changed several times since the last read is sent once', async () => {
    const [one, two] = [await addJob(database.prisma, avatar), await addJob(database.prisma, avatar)];
    const stranger = await addJob(
      database.prisma,
      await addAvatar(database.prisma, (await addUser(database.prisma)).id),
    );
    const stream = events.followOwner(avatar.ownerId);
    await change(one);
    await change(two);
    await change(stranger);
    await change(one);
    expect([(await stream.next()).value, (await stream.next()).value]).toEqual([one.id, two.id]);
    const next = stream.next();
    await change(two);
    expect((await next).value).toBe(two.id);
    await stream.return?.();
    expect(events.openTails).toBe(0);
  });

  test('a reread sends the changes whose nudge was lost, and no other', async () => {
    const [one, two] = [await addJob(database.prisma, avatar), await addJob(database.prisma, avatar)];
    const stream = events.followOwner(avatar.ownerId);
    await events.reread();
    await change(one);
    expect((await stream.next()).value).toBe(one.id);
    await change(two, { nudge: false });
    const later = await addJob(database.prisma, avatar);
    await change(later, { nudge: false });
    await events.reread();
    expect(new Set([(await stream.next()).value, (await stream.next()).value])).toEqual(new Set([two.id, later.id]));
    await stream.return?.();
  });

  test('a reread that began before the newest nudge repeats nothing', async () => {
    const [one, other] = [await addJob(database.prisma, avatar), await addJob(database.prisma, avatar)];
    const stream = events.followOwner(avatar.ownerId);
    await events.reread();
    await change(one);
    const rereading = events.reread();
    events.nudge({ ...one, lastSequence: 2 });
    expect((await stream.next()).value).toBe(one.id);
    await rereading;
    await change(one, { nudge: false });
    await events.reread();
    await change(other);
    expect((await stream.next()).value).toBe(other.id);
    await stream.return?.();
  });

  test('a subscriber that does not read is cut off with SUBSCRIBER_TOO_SLOW', async () => {
    const stream = events.followOwner(avatar.ownerId);
    for (let n = 0; n < 1_500; n += 1) events.nudge({ id: `job-${n}`, ownerId: avatar.ownerId, lastSequence: 1 });
    await expect(stream.next()).rejects.toMatchObject({ extensions: { code: 'SUBSCRIBER_TOO_SLOW' } });
    expect(await stream.next()).toEqual({ value: undefined, done: true });
    expect(events.openTails).toBe(0);
  });
});
