/** Jobs that wait their turn on a whole server, against a scripted fal: what fal sees of the limits, and what the owner does. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { localViewer } from '../../../src/access/session.ts';
import { StatusReadBudget } from '../../../src/job/capacity/status-read-budget.ts';
import { openTestDatabase } from '../../support/database.ts';
import { globalId } from '../../support/global-id.ts';
import { liveAt, newDataFolder, startLikeness, type TestLikeness } from '../../support/likeness.ts';
import { addAvatar } from '../../support/rows.ts';
import { json, openScriptedFal, type ScriptedFal } from '../../support/scripted-fal.ts';
import { held, routes } from '../../support/scripted-job.ts';

const jobDocument = `query($id: ID!) { node(id: $id) { ... on Job { status queuePosition error { code }
  events(first: 100) { edges { node { __typename ... on JobQueueMoved { position } } } } } } }`;
const refused = json(422, { detail: [{ loc: ['body', 'prompt'], msg: 'no', type: 'value_error' }] });

type JobInLine = {
  status: string;
  queuePosition: number | null;
  error: { code: string } | null;
  events: { edges: { node: { __typename: string; position?: number } }[] };
};

describe('the line', () => {
  let fal: ScriptedFal;
  let likeness: TestLikeness;
  let remove: () => void = () => undefined;
  afterEach(async () => {
    await likeness.close();
    await fal.close();
    remove();
    remove = () => undefined;
  });

  async function open(limits: Record<string, string>, options: Parameters<typeof startLikeness>[0] = {}) {
    fal = await openScriptedFal();
    likeness = await startLikeness({ ...options, env: { ...liveAt(fal.url), ...limits } });
    const { id } = await addAvatar(likeness.app.prisma, localViewer.id, { diffusersLoraFileUrl: `${fal.url}/lora` });
    return () => likeness.client.startGeneration({ avatarId: globalId('PortraitAvatar', id) });
  }
  const look = async (id: string) => (await likeness.client.send<{ node: JobInLine }>(jobDocument, { id })).node;
  const eventsOf = async (id: string) =>
    (await look(id)).events.edges.map(({ node: { __typename, position } }) => __typename.slice(3) + (position ?? ''));
  const until = (check: () => Promise<void>) => vi.waitFor(check, { interval: 50 });

  test('past the jobs at once, a job is QUEUED with its place, and goes when one is done', async () => {
    const startGeneration = await open({ FAL_JOBS_AT_ONCE: '1' });
    const first = held(refused);
    fal.script(routes.submit, first.act, refused, refused);
    const ids = [await startGeneration(), await startGeneration(), await startGeneration()];
    await fal.nth(routes.submit, 1);
    await until(async () => expect(await look(String(ids[2]))).toMatchObject({ status: 'QUEUED', queuePosition: 1 }));
    expect(await look(String(ids[0]))).toMatchObject({ status: 'QUEUED', queuePosition: null });
    expect(fal.at(routes.submit)).toHaveLength(1);
    first.release();
    for (const id of ids) await until(async () => expect((await look(id)).status).toBe('FAILED'));
    expect(await eventsOf(String(ids[0]))).toEqual(['Queued', 'Failed']);
    expect(await eventsOf(String(ids[1]))).toEqual(['Queued', 'QueueMoved0', 'Failed']);
    expect((await eventsOf(String(ids[2]))).slice(0, 2)).toEqual(['Queued', 'QueueMoved1']);
  });

  test('cancelled in line, it ends at once, fal hears nothing of it and whoever was behind it moves up', async () => {
    const startGeneration = await open({ FAL_JOBS_AT_ONCE: '1' });
    const first = held(refused);
    fal.script(routes.submit, first.act, refused);
    const [, second, third] = [await startGeneration(), await startGeneration(), await startGeneration()];
    await fal.nth(routes.submit, 1);
    await until(async () => expect((await look(third)).queuePosition).toBe(1));
    await likeness.client.cancelJob(second);
    expect(await eventsOf(second)).toEqual(['Queued', 'QueueMoved0', 'Cancelled']);
    await until(async () => expect((await look(third)).queuePosition).toBe(0));
    first.release();
    await until(async () => expect((await look(third)).status).toBe('FAILED'));
    expect(fal.at(routes.submit)).toHaveLength(2);
  });

  test('a line is still there after a restart, in its order', async () => {
    const { dataDir, remove: removeFolder } = newDataFolder();
    remove = removeFolder;
    const startGeneration = await open({ FAL_JOBS_AT_ONCE: '1' }, { dataDir, manual: true });
    const ids = [await startGeneration(), await startGeneration()];
    await likeness.close();
    fal.script(routes.submit, refused, refused);
    likeness = await startLikeness({ dataDir, env: { ...liveAt(fal.url), FAL_JOBS_AT_ONCE: '1' } });
    for (const id of ids) await until(async () => expect((await look(id)).status).toBe('FAILED'));
    const [one, two] = await likeness.app.prisma.job.findMany({ orderBy: { id: 'asc' } });
    expect(Number(one?.finishedAt)).toBeLessThanOrEqual(Number(two?.admittedAt));
  });

  test('past the submits of a minute, the next goes when the minute of the first is over', async () => {
    let now = Date.UTC(2026, 0, 1);
    const startGeneration = await open(
      { FAL_SUBMITS_PER_MINUTE: '2' },
      { manual: true, overrides: { now: () => new Date(now) } },
    );
    fal.script(routes.submit, refused, refused, refused);
    for (let n = 0; n < 3; n += 1) await startGeneration();
    await likeness.worker.tick();
    now += 59_000;
    await likeness.worker.tick();
    expect(fal.at(routes.submit)).toHaveLength(2);
    now += 1_000;
    await likeness.worker.tick();
    expect(fal.at(routes.submit)).toHaveLength(3);
  });

  test('a 429 holds back every submit for as long as fal asks; a job that finds no room until its deadline is RATE_LIMITED', async () => {
    let now = Date.UTC(2026, 0, 1);
    const startGeneration = await open({}, { manual: true, overrides: { now: () => new Date(now), random: () => 0 } });
    const busy = json(429, { detail: 'too many' }, { 'retry-after': '40' });
    fal.script(routes.submit, busy);
    fal.always(routes.submit, busy);
    const first = await startGeneration();
    await likeness.worker.tick();
    const second = await startGeneration();
    const hurry = () =>
      likeness.app.prisma.$executeRaw`UPDATE pgboss.job SET start_after = now() WHERE state < 'active'`;
    for (let passed = 0; passed < 39_000; passed += 13_000) {
      now += 13_000;
      await hurry();
      await likeness.worker.tick();
    }
    expect(fal.at(routes.submit)).toHaveLength(1);
    expect((await look(second)).status).toBe('QUEUED');
    for (let n = 0; n < 60 && (await look(second)).status === 'QUEUED'; n += 1) {
      now += 20_000;
      await hurry();
      await likeness.worker.tick();
    }
    for (const id of [first, second]) expect((await look(id)).error).toEqual({ code: 'RATE_LIMITED' });
    // One a job and pause of forty seconds, in eleven minutes.
    expect(fal.at(routes.submit).length).toBeLessThanOrEqual(2 * 17);
  });
});

describe('the reads of statuses', () => {
  test('are so many in ten seconds for all processes, and whoever wants more waits for the next window', async () => {
    const database = await openTestDatabase();
    let now = Date.UTC(2026, 0, 1);
    let waited = 0;
    const open = () =>
      new StatusReadBudget({
        prisma: database.prisma,
        perMinute: 240,
        now: () => new Date(now),
        sleep: async (ms) => {
          waited += ms;
          now += ms;
        },
      });
    const [one, other] = [open(), open()];
    const { signal } = new AbortController();
    for (let n = 0; n < 20; n += 1) {
      await one.take(signal);
      await other.take(signal);
    }
    expect(waited).toBe(0);
    now += 3_000;
    await other.take(signal);
    expect(waited).toBe(7_000);
    const stopped = AbortSignal.abort(new Error('let go'));
    await expect(one.take(stopped)).rejects.toThrow('let go');
    await database.close();
  });
});
