import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Avatar } from '../../prisma/generated/client/client.ts';
import type { EmbeddedDatabase } from '../../src/database/embedded-database.ts';
import { openDatabase } from '../../src/database/open-database.ts';
import { appendEvents, readEvents, writeJob } from '../../src/events/event-log.ts';
import { openTestDatabase } from '../support/database.ts';
import { databases, tellSkipped } from '../support/databases.ts';
import { addAvatar, addJob, addUser } from '../support/rows.ts';

describe('the log of a job', () => {
  let database: EmbeddedDatabase;
  let avatar: Avatar;
  beforeAll(async () => {
    database = await openTestDatabase();
    avatar = await addAvatar(database.prisma, (await addUser(database.prisma)).id);
  });
  afterAll(() => database.close());

  const append = (jobId: string, events: Parameters<typeof appendEvents>[2]) =>
    database.prisma.$transaction((tx) => appendEvents(tx, jobId, events));
  const line = (message: string, loggedAt = '2026-01-01T00:00:00.000001Z') =>
    ({ type: 'LOGGED', payload: { message, loggedAt, level: null } }) as const;

  test('events are numbered 1, 2, 3 … in order, and the job’s row has the last number', async () => {
    const { id } = await addJob(database.prisma, avatar);
    expect(await append(id, [{ type: 'QUEUED', payload: {} }])).toBe(1);
    expect(
      await append(id, [
        { type: 'SUBMITTED', payload: { requestId: 'r' } },
        { type: 'QUEUE_MOVED', payload: { position: 2 } },
        line('one'),
        { type: 'STARTED', payload: {} },
      ]),
    ).toBe(5);
    const events = await readEvents(database.prisma, id, 0, 100);
    expect(events.map(({ sequence, type }) => `${sequence} ${type}`)).toEqual([
      '1 QUEUED',
      '2 SUBMITTED',
      '3 QUEUE_MOVED',
      '4 LOGGED',
      '5 STARTED',
    ]);
    expect(events[2]?.payload).toEqual({ position: 2 });
    expect((await database.prisma.job.findUniqueOrThrow({ where: { id } })).lastSequence).toBe(5);
  });

  test('a line that fal repeats is logged once', async () => {
    const { id } = await addJob(database.prisma, avatar);
    await append(id, [line('one'), line('two')]);
    await append(id, [line('two'), line('three'), line('three'), line('one')]);
    await append(id, [line('three', '2026-01-01T00:00:00.000002Z')]);
    const events = await readEvents(database.prisma, id, 0, 100);
    expect(events.map(({ sequence, payload }) => [sequence, (payload as { message: string }).message])).toEqual([
      [1, 'one'],
      [2, 'two'],
      [3, 'three'],
      [4, 'three'],
    ]);
  });

  test('appending only known lines changes nothing', async () => {
    const { id } = await addJob(database.prisma, avatar);
    await append(id, [line('one')]);
    expect(await append(id, [line('one')])).toBe(1);
    expect(await append(id, [])).toBe(1);
  });

  test('the log is read in pages after a number', async () => {
    const { id } = await addJob(database.prisma, avatar);
    await append(
      id,
      Array.from({ length: 30 }, (_, n) => line(`line ${n}`)),
    );
    expect((await readEvents(database.prisma, id, 10, 5)).map(({ sequence }) => sequence)).toEqual([
      11, 12, 13, 14, 15,
    ]);
    expect(await readEvents(database.prisma, id, 30, 5)).toEqual([]);
  });

  test('events are rolled back with the transaction of their change', async () => {
    const { id } = await addJob(database.prisma, avatar);
    const failing = database.prisma.$transaction(async (tx) => {
      await appendEvents(tx, id, [{ type: 'STARTED', payload: {} }]);
      throw new Error('the change failed');
    });
    await expect(failing).rejects.toThrow('the change failed');
    expect(await readEvents(database.prisma, id, 0, 10)).toEqual([]);
  });

  test('appending to a job that does not exist throws', async () => {
    await expect(append('00000000-0000-4000-8000-00000000dead', [{ type: 'QUEUED', payload: {} }])).rejects.toThrow(
      'No job',
    );
  });
});

tellSkipped();

describe.each(databases)('on %s', (_name, open) => {
  test('a write returns its events exactly as the log has them', async () => {
    const { env, remove } = await open();
    const { prisma, close } = await openDatabase(env['DATABASE_URL'], String(env['DATA_DIR']));
    const { id } = await addJob(prisma, await addAvatar(prisma, (await addUser(prisma)).id));
    const added = [];
    for (let n = 0; n < 20; n += 1) {
      const message = `"é" 漢字 \u{1f600} \\ ${n}`;
      const written = await writeJob(prisma, { id, status: null, token: null }, {}, [
        { type: 'LOGGED', payload: { message, loggedAt: '2026-01-01T00:00:00.000001Z', level: null } },
        { type: 'PROGRESSED', payload: { percent: n, step: null, totalSteps: 1000, source: 'ESTIMATED' } },
      ]);
      added.push(...(written?.events ?? []));
    }
    expect(added).toEqual(await readEvents(prisma, id, 0, 100));
    await close();
    await remove();
  });
});
