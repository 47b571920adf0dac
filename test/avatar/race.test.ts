/** Concurrent operations on one owner's avatars, on PostgreSQL, where transactions run in parallel. */
import { randomUUID } from 'node:crypto';
import { PrismaPg } from '@prisma/adapter-pg';
import { PgBoss } from 'pg-boss';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PrismaClient } from '../../prisma/generated/client/client.ts';
import type { Viewer } from '../../src/access/session.ts';
import type { App } from '../../src/app/app.ts';
import { createAvatar, deleteAvatar, setDefaultAvatar } from '../../src/avatar/commands.ts';
import { Events } from '../../src/events/events.ts';
import { Nudges } from '../../src/events/nudges.ts';
import { StepQueue } from '../../src/job/runner/step-queue.ts';
import { issueCredits } from '../../src/ledger/commands.ts';
import { Refusal } from '../../src/refusal/refusal.ts';
import { startTraining } from '../../src/training/commands.ts';
import { openTestFiles } from '../support/files.ts';
import { isPostgresReachable, migrated, openEmptyPostgres, postgresAt } from '../support/sql.ts';

const isReachable = await isPostgresReachable();
it.for(isReachable ? [] : [postgresAt])('is skipped: PostgreSQL at %s is not reachable', (_at, context) => {
  context.skip();
  expect.fail('A skipped test goes no further.');
});

describe.runIf(isReachable)('on PostgreSQL', () => {
  let app: App;
  let close: () => Promise<void>;

  beforeAll(async () => {
    const database = await migrated(openEmptyPostgres);
    const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: database.url, max: 16 }) });
    const boss = new PgBoss({ connectionString: database.url, schedule: false, supervise: false });
    await boss.start();
    const steps = new StepQueue(boss);
    await steps.open();
    const events = new Events(prisma, new Nudges());
    const store = openTestFiles(prisma);
    const release = async () => undefined;
    app = {
      prisma,
      events,
      steps,
      files: store.files,
      tasks: { TRAINING: { release }, GENERATION: { release } } as unknown as App['tasks'],
      falMode: 'LIVE',
      metering: { isOn: true, dailyBudgetTenths: null },
      log: pino({ enabled: false }),
      now: () => new Date(),
    } as App;
    close = async () => {
      events.close();
      await boss.stop({ graceful: false });
      await prisma.$disconnect();
      store.remove();
      await database.close();
    };
  });
  afterAll(() => close());

  const addViewer = async (): Promise<Viewer> => {
    const viewer = await app.prisma.user.create({ data: { id: randomUUID() } });
    await issueCredits(app, viewer.id, 'GRANT', { credits: 100_000, reason: 'test' });
    return viewer;
  };
  const add = (viewer: Viewer, name = 'Ada') => createAvatar(app, viewer, { style: { name } });
  const train = (viewer: Viewer, id: string, idempotencyKey?: string) =>
    startTraining(app, viewer, { avatar: { id }, datasetUrl: new URL('https://example.com/a.zip'), idempotencyKey });
  const defaults = async (viewer: Viewer) =>
    (await app.prisma.avatar.findMany({ where: { ownerId: viewer.id, deletedAt: null } })).filter(
      (one) => one.isDefault,
    );

  /** Counts the successes. An operation may end with a Refusal; any other error, such as a deadlock, fails the test. */
  const successes = async (works: Promise<unknown>[]) => {
    const ends = await Promise.allSettled(works);
    const expected = ends.filter((end) => end.status === 'fulfilled' || end.reason instanceof Refusal);
    expect(ends.filter((end) => !expected.includes(end))).toEqual([]);
    return ends.filter(({ status }) => status === 'fulfilled').length;
  };

  it('creating twelve avatars at once makes one of them the default', async () => {
    const viewer = await addViewer();
    expect(await successes(Array.from({ length: 12 }, () => add(viewer)))).toBe(12);
    expect(await defaults(viewer)).toHaveLength(1);
  });

  it('an owner with avatars always has one default, also after concurrent creates, deletes and changes of the default', async () => {
    const viewer = await addViewer();
    for (let round = 0; round < 10; round += 1) {
      const { id } = await add(viewer);
      const { id: other } = await add(viewer);
      const current = (await defaults(viewer))[0]?.id ?? '';
      await successes([
        setDefaultAvatar(app, viewer, { id }),
        deleteAvatar(app, viewer, { id: current }),
        setDefaultAvatar(app, viewer, { id: other }),
        deleteAvatar(app, viewer, { id }),
        add(viewer),
      ]);
      expect(await defaults(viewer)).toHaveLength(1);
    }
  });

  it('of ten concurrent starts one starts a training, and starts with the same idempotency key return the same job', async () => {
    const viewer = await addViewer();
    const { id } = await add(viewer);
    const keyed = await Promise.all(Array.from({ length: 10 }, () => train(viewer, id, 'once')));
    expect(new Set(keyed.map((job) => job.id)).size).toBe(1);
    const { id: second } = await add(viewer);
    expect(await successes(Array.from({ length: 10 }, () => train(viewer, second)))).toBe(1);
  });

  it('a training that starts while its avatar is deleted does not stay active', async () => {
    const viewer = await addViewer();
    for (let round = 0; round < 20; round += 1) {
      const { id } = await add(viewer);
      await successes([train(viewer, id), deleteAvatar(app, viewer, { id }), train(viewer, id)]);
      const active = await app.prisma.job.findMany({
        where: { avatarId: id, finishedAt: null, cancelRequestedAt: null },
      });
      expect(active).toEqual([]);
    }
  });
});
