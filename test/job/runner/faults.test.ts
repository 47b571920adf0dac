/** What goes wrong while a job is on its way: at fal, in the database, between the two. */
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { hang, json, sse } from '../../support/scripted-fal.ts';
import { held, openScriptedJob, requestId, routes, type ScriptedJob, says } from '../../support/scripted-job.ts';

let job: ScriptedJob;
beforeAll(async () => {
  job = await openScriptedJob();
});
beforeEach(() => job.reset());
afterAll(() => job.close());

/** Makes each write of a job's row fail that the condition names, until it is called. */
async function failWrites(when: string): Promise<() => Promise<void>> {
  const { prisma } = job.likeness.app;
  await prisma.$executeRawUnsafe(
    `CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken by the test'; END $$`,
  );
  await prisma.$executeRawUnsafe(
    `CREATE TRIGGER fail BEFORE UPDATE ON "Job" FOR EACH ROW WHEN (${when}) EXECUTE FUNCTION fail()`,
  );
  return async () => void (await prisma.$executeRawUnsafe('DROP FUNCTION fail CASCADE'));
}
const logged = (line: string) => vi.waitUntil(() => job.likeness.logged.some((logged) => logged.includes(line)));
const passDeadline = () => job.likeness.app.prisma.job.updateMany({ data: { deadlineAt: new Date() } });
const submits = () => job.fal.at(routes.submit).length;

describe('past its deadline', () => {
  beforeEach(() => job.fal.script(routes.submit, says.accepted));

  test('fal was done first: its pictures are kept, however late they are looked for', async () => {
    job.fal.script(routes.cancel, says.tooLate);
    job.fal.script(routes.stream, sse([says.done]));
    const id = await job.startGeneration();
    await job.work(id, (status) => status === 'IN_QUEUE');
    await passDeadline();
    await job.toTheEnd(id);
    expect(await job.look(id)).toMatchObject({ status: 'SUCCEEDED', error: null });
  });

  test('fal was done, and its result cannot be read at once: there is time for it', async () => {
    job.fal.script(routes.cancel, says.tooLate);
    job.fal.script(routes.stream, sse([says.done]));
    job.fal.script(routes.result, ...Array.from({ length: 3 }, () => json(503, { detail: 'soon' })));
    const id = await job.startGeneration();
    await job.work(id, (status) => status === 'IN_QUEUE');
    await passDeadline();
    await job.toTheEnd(id);
    expect((await job.look(id)).status).toBe('SUCCEEDED');
  });

  test('what an earlier step asked fal to cancel is timed out, and not cancelled by its owner', async () => {
    job.fal.script(routes.cancel, says.tooLate);
    job.fal.script(routes.stream, sse([says.failed('client_cancelled')]));
    job.fal.script(routes.result, json(499, { detail: 'Request cancelled by the client.' }));
    const id = await job.startGeneration();
    await job.work(id, (status) => status === 'IN_QUEUE');
    await passDeadline();
    await job.toTheEnd(id);
    expect(await job.look(id)).toMatchObject({ status: 'FAILED', error: { code: 'TIMED_OUT' } });
  });

  test('fal says that it is done and never shows it: it ends all the same', async () => {
    job.fal.script(routes.cancel, says.tooLate);
    job.fal.script(routes.stream, hang);
    const id = await job.startGeneration();
    await job.work(id, (status) => status === 'IN_QUEUE');
    await passDeadline();
    await job.toTheEnd(id);
    expect(await job.look(id)).toMatchObject({ status: 'FAILED', error: { code: 'TIMED_OUT' } });
  });

  test('fal cannot be asked: FAL_UNAVAILABLE', async () => {
    job.fal.always(routes.cancel, json(503, { detail: 'down' }));
    const id = await job.startGeneration();
    await job.work(id, (status) => status === 'IN_QUEUE');
    await passDeadline();
    await job.toTheEnd(id);
    expect(await job.look(id)).toMatchObject({ status: 'FAILED', error: { code: 'FAL_UNAVAILABLE', retryable: true } });
  });

  test('fal throttles the submit until then: RATE_LIMITED', async () => {
    await job.reset();
    job.fal.always(routes.submit, json(429, { detail: 'slow down' }, { 'retry-after': '3600' }));
    const id = await job.startGeneration();
    await job.toTheEnd(id);
    expect(await job.look(id)).toMatchObject({ status: 'FAILED', error: { code: 'RATE_LIMITED', retryable: true } });
    expect(submits()).toBe(1);
  });
});

describe('cancelled', () => {
  test('while a submit is under way that fal refuses: nothing is sent again', async () => {
    const refusal = held(json(429, { detail: 'slow down' }, { 'retry-after': '0' }));
    job.fal.script(routes.submit, refusal.act);
    const id = await job.startGeneration();
    const step = job.likeness.worker.tick();
    await job.fal.nth(routes.submit, 1);
    expect(await job.cancel(id)).toMatchObject({ status: 'QUEUED' });
    refusal.release();
    await step;
    await job.toTheEnd(id);
    expect(await job.look(id)).toMatchObject({ status: 'CANCELLED', error: null });
    expect(submits()).toBe(1);
  });

  test('so, and the process died before it could say so: the next step sends nothing', async () => {
    const id = await job.startGeneration();
    await job.likeness.app.prisma.job.updateMany({ data: { cancelRequestedAt: new Date() } });
    await job.toTheEnd(id);
    expect((await job.look(id)).status).toBe('CANCELLED');
    expect(submits()).toBe(0);
  });

  test('while a submit is under way that fal takes: fal is asked to stop', async () => {
    const answer = held(says.accepted);
    job.fal.script(routes.submit, answer.act);
    job.fal.script(routes.cancel, says.cancelling);
    job.fal.script(routes.stream, sse([says.failed('client_cancelled')]));
    job.fal.script(routes.result, json(499, { detail: 'Request cancelled by the client.' }));
    const id = await job.startGeneration();
    const step = job.likeness.worker.tick();
    await job.fal.nth(routes.submit, 1);
    expect(await job.cancel(id)).toMatchObject({ status: 'QUEUED' });
    answer.release();
    await step;
    await job.toTheEnd(id);
    expect((await job.look(id)).status).toBe('CANCELLED');
    expect(job.fal.at(routes.cancel)).toHaveLength(1);
  });

  test('in fal’s queue, where it is then gone without a trace: CANCELLED, not lost', async () => {
    const shared = job;
    // fal must report a 404 three times before the client believes it, which takes some seconds.
    job = await openScriptedJob({ followMs: 25_000 });
    onTestFinished(async () => {
      await job.close();
      job = shared;
    });
    job.fal.script(routes.submit, says.accepted);
    job.fal.script(routes.cancel, says.cancelling);
    const id = await job.startGeneration();
    await job.work(id, (status) => status === 'IN_QUEUE');
    const stream = held(json(404, { detail: 'no such request' }));
    job.fal.script(routes.stream, stream.act);
    const step = job.likeness.worker.tick();
    await job.fal.nth(routes.stream, 1);
    await job.cancel(id);
    await job.fal.nth(routes.cancel, 1);
    job.fal.always(routes.status, json(404, { detail: 'no such request' }));
    stream.release();
    await step;
    await job.toTheEnd(id);
    expect(await job.look(id)).toMatchObject({ status: 'CANCELLED', error: null });
  });

  test('while its pictures are copied: fal was first', async () => {
    job.fal.script(routes.submit, says.accepted);
    job.fal.script(routes.stream, sse([says.done]));
    const id = await job.startGeneration();
    await job.work(id, (status) => status === 'FINALIZING');
    expect(await job.cancel(id)).toMatchObject({ status: 'FINALIZING' });
    await job.toTheEnd(id);
    expect((await job.look(id)).status).toBe('SUCCEEDED');
  });
});

describe('the database fails', () => {
  test('when fal has just taken the request: its id is not lost', async () => {
    job.fal.script(routes.submit, says.accepted);
    job.fal.script(routes.stream, sse([says.done]));
    const mend = await failWrites(`NEW."requestId" IS NOT NULL`);
    const id = await job.startGeneration();
    const step = job.likeness.worker.tick();
    await logged('fal’s answer could not be recorded');
    await mend();
    await step;
    expect(await job.look(id)).toMatchObject({ status: 'IN_QUEUE', requestId });
    await job.toTheEnd(id);
    expect((await job.look(id)).status).toBe('SUCCEEDED');
    expect(submits()).toBe(1);
  });

  test('when a step has lost its job while fal took the request: fal is asked to stop what nobody waits for', async () => {
    const answer = held(says.accepted);
    job.fal.script(routes.submit, answer.act);
    job.fal.script(routes.cancel, says.cancelling);
    const id = await job.startGeneration();
    const step = job.likeness.worker.tick();
    await job.fal.nth(routes.submit, 1);
    await job.likeness.app.prisma.job.updateMany({ data: { attemptToken: '99999999-2222-4333-8444-555555555555' } });
    answer.release();
    await step;
    expect(await job.look(id)).toMatchObject({ status: 'QUEUED', requestId: null });
    expect(job.fal.at(routes.cancel)).toHaveLength(1);
    expect(job.likeness.logged.join('')).toContain(requestId);
  });

  test('while fal is followed: a step is lost, not the job, and nothing of what fal told', async () => {
    job.fal.script(routes.submit, says.accepted);
    const telling = says.working([1, 'one'], [2, ' 50%|█████     | 14/28 [00:01<00:01]']);
    job.fal.script(routes.stream, sse([telling], 'stall'), sse([telling, says.done]));
    const id = await job.startGeneration();
    await job.work(id, (status) => status === 'IN_QUEUE');
    const mend = await failWrites('NEW."percent" IS NOT NULL');
    await job.likeness.worker.tick();
    expect(job.likeness.logged.join('')).toContain('a step failed unexpectedly');
    await mend();
    await job.toTheEnd(id);
    const told = await job.look(id);
    expect(told.status).toBe('SUCCEEDED');
    expect(told.told.filter((type) => type === 'Logged')).toHaveLength(2);
    expect(told.progress).toMatchObject({ step: 14, source: 'MEASURED' });
  });

  test('for good: the tenth failure in a row ends the job, INTERNAL, and says nothing of why', async () => {
    job.fal.script(routes.submit, says.accepted);
    job.fal.script(routes.stream, sse([says.done]));
    const id = await job.startGeneration();
    await job.work(id, (status) => status === 'FINALIZING');
    await failWrites(`NEW."status" = 'SUCCEEDED'`);
    await job.toTheEnd(id);
    const { error, told } = await job.look(id);
    expect(error).toMatchObject({ code: 'INTERNAL', retryable: true });
    expect(error?.message).not.toContain('broken');
    expect(told.at(-1)).toBe('Failed');
    expect(job.likeness.logged.filter((line) => line.includes('a step failed unexpectedly'))).toHaveLength(10);
  });
});

describe('what fal tells', () => {
  const events = async () =>
    await job.likeness.app.prisma.jobEvent.findMany({ orderBy: { sequence: 'asc' }, where: { type: 'LOGGED' } });
  const messages = async () => (await events()).map(({ payload }) => (payload as { message: string }).message);

  beforeEach(() => job.fal.script(routes.submit, says.accepted));

  test('holds what PostgreSQL cannot store: it is replaced, and the job goes on', async () => {
    const lines: [number, string][] = [
      [1, 'nul \0 here'],
      [2, 'half \ud83d of a pair'],
      [3, 'a whole 😀 pair'],
    ];
    job.fal.script(routes.stream, sse([says.working(...lines), says.done]));
    const id = await job.startGeneration();
    await job.toTheEnd(id);
    expect((await job.look(id)).status).toBe('SUCCEEDED');
    expect(await messages()).toEqual(['nul \ufffd here', 'half \ufffd of a pair', 'a whole 😀 pair']);
  });

  test('an error holds it, too', async () => {
    job.fal.script(routes.stream, sse([says.failed('bad_request')]));
    job.fal.script(
      routes.result,
      json(422, { detail: [{ loc: ['body', 'prompt'], msg: 'bad \0 \ud83d', type: 'x' }] }),
    );
    const id = await job.startGeneration();
    await job.toTheEnd(id);
    expect((await job.look(id)).error).toMatchObject({ code: 'INVALID_INPUT', message: 'prompt: bad \ufffd \ufffd' });
  });

  test('a sentence that is cut in the middle of a pair', async () => {
    job.fal.script(routes.stream, sse([says.failed('bad_request')]));
    job.fal.script(routes.result, json(422, { detail: '😀'.repeat(300).replace(/^/, 'x') }));
    const id = await job.startGeneration();
    await job.toTheEnd(id);
    expect((await job.look(id)).error?.message).toHaveLength(500);
  });

  test('five thousand lines at once are all kept, in order, and one of a megabyte is cut', async () => {
    const lines = Array.from({ length: 5_000 }, (_, n): [number, string] => [n, `line ${n}`]);
    job.fal.script(routes.stream, sse([says.working(...lines, [5_000, 'x'.repeat(1_000_000)]), says.done]));
    const id = await job.startGeneration();
    await job.toTheEnd(id);
    const told = await messages();
    expect(told.slice(0, -1)).toEqual(lines.map(([, line]) => line));
    expect(told.at(-1)).toBe(`${'x'.repeat(9_999)}…`);
    expect((await job.look(id)).status).toBe('SUCCEEDED');
  });

  test('comes fast: every line is kept, and progress is told at most four times a second', async () => {
    const bars = Array.from({ length: 28 }, (_, n): [number, string] => [n, `${n}%|█ | ${n + 1}/28 [00:01]`]);
    job.fal.script(routes.stream, async (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const bar of bars) {
        response.write(says.working(bar));
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
      response.end(says.done);
    });
    const id = await job.startGeneration();
    await job.toTheEnd(id);
    expect(await messages()).toEqual(bars.map(([, line]) => line));
    const told = await job.look(id);
    expect(told.progress).toEqual({ percent: 100, step: 28, totalSteps: 28, source: 'MEASURED' });
    const progressed = await job.likeness.app.prisma.jobEvent.findMany({ where: { type: 'PROGRESSED' } });
    const times = progressed.map(({ occurredAt }) => occurredAt.getTime());
    expect(times.length).toBeGreaterThan(2);
    for (const [n, time] of times.entries()) expect(time - (times[n - 1] ?? 0)).toBeGreaterThanOrEqual(249);
    const percents = progressed.map(({ payload }) => (payload as { percent: number }).percent);
    expect(percents).toEqual(percents.toSorted((a, b) => a - b));
  });

  test('it goes back into the queue and on again: no step back in what was told', async () => {
    const chunks = [
      says.working([1, '50%|█ | 14/28 [00:01]']),
      says.queued(5),
      says.queued(0),
      says.working(),
      says.done,
    ];
    job.fal.script(routes.stream, async (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const chunk of chunks) {
        response.write(chunk);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      response.end();
    });
    const id = await job.startGeneration();
    await job.toTheEnd(id);
    const told = (await job.look(id)).told.filter((type) => type !== 'Progressed');
    expect(told).toEqual([
      'Queued',
      'Submitted',
      'QueueMoved',
      'Started',
      'Logged',
      'QueueMoved',
      'QueueMoved',
      'Finalizing',
      'Succeeded',
    ]);
  });
});

describe('a stop', () => {
  test.each([
    ['while the submit is under way', routes.submit],
    ['while the status is read', routes.status],
    ['while fal is followed', routes.stream],
    ['while the result is read', routes.result],
    ['while a picture is copied', routes.picture],
  ])('%s: the next start goes on where it stood', async (_name, route) => {
    const submit = held(says.accepted);
    job.fal.script(routes.submit, route === routes.submit ? submit.act : says.accepted);
    if (route !== routes.submit) job.fal.script(route, hang);
    job.fal.script(routes.stream, sse([says.done]));
    const id = await job.startGeneration();
    const working = job.toTheEnd(id).catch(() => undefined);
    await job.fal.nth(route, 1);
    const restarted = job.restart();
    submit.release();
    await restarted;
    await working;
    await job.toTheEnd(id);
    expect((await job.look(id)).status).toBe('SUCCEEDED');
    expect(submits()).toBe(1);
    const sequences = (await job.look(id)).events.edges.map(({ node }) => node['sequence']);
    expect(sequences).toEqual(sequences.map((_, n) => n + 1));
  });
});
