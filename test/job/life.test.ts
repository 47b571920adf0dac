import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { json, reset, sse, text } from '../support/scripted-fal.ts';
import { openScriptedJob, requestId, routes, type ScriptedJob, says } from '../support/scripted-job.ts';

let job: ScriptedJob;
beforeAll(async () => {
  job = await openScriptedJob();
});
beforeEach(() => job.reset());
afterAll(() => job.close());

describe('the life of a job', () => {
  test('from QUEUED to SUCCEEDED, every state with its event', async () => {
    job.fal.script(routes.submit, says.accepted);
    job.fal.script(
      routes.stream,
      sse([says.queued(3), says.queued(1), says.working([1, ' 50%|█████     | 14/28 [00:01<00:01]']), says.done]),
    );
    const id = await job.startGeneration();
    expect(await job.look(id)).toMatchObject({ status: 'QUEUED', requestId: null, told: ['Queued'] });
    await job.toTheEnd(id);
    const ended = await job.look(id);
    expect(ended).toMatchObject({ status: 'SUCCEEDED', requestId, queuePosition: null, error: null });
    expect(ended.progress).toEqual({ percent: 100, step: 14, totalSteps: 28, source: 'MEASURED' });
    expect(ended.told.filter((type) => type !== 'Progressed')).toEqual([
      'Queued',
      'Submitted',
      'QueueMoved',
      'QueueMoved',
      'Started',
      'Logged',
      'Finalizing',
      'Succeeded',
    ]);
    expect(ended.events.edges.map(({ node }) => node['sequence'])).toEqual(ended.told.map((_, n) => n + 1));
    expect(job.fal.at(routes.submit)).toHaveLength(1);
  });

  test('a step ends while fal works, and the next one continues without repeating a log line', async () => {
    job.fal.script(routes.submit, says.accepted);
    job.fal.script(
      routes.stream,
      sse([says.working([1, 'one'], [2, 'two'])], 'stall'),
      sse([says.working([1, 'one'], [2, 'two'], [3, 'three']), says.done]),
    );
    const id = await job.startGeneration();
    await job.toTheEnd(id);
    const lines = (await job.look(id)).events.edges.flatMap(({ node }) => ('message' in node ? [node['message']] : []));
    expect(lines).toEqual(['one', 'two', 'three']);
    expect(job.fal.at(routes.stream)).toHaveLength(2);
  });

  test('a rejected submit is sent again after a pause; a submit with a lost answer is not', async () => {
    job.fal.script(routes.submit, json(429, { detail: 'slow down' }, { 'retry-after': '0' }), says.accepted);
    job.fal.script(routes.stream, sse([says.done]));
    const throttled = await job.startGeneration();
    await job.toTheEnd(throttled);
    expect((await job.look(throttled)).status).toBe('SUCCEEDED');
    expect(job.fal.at(routes.submit)).toHaveLength(2);

    job.fal.script(routes.submit, reset);
    const lost = await job.startGeneration();
    await job.toTheEnd(lost);
    expect(await job.look(lost)).toMatchObject({
      status: 'FAILED',
      error: { code: 'SUBMIT_UNCONFIRMED', retryable: true },
    });
    expect(job.fal.at(routes.submit)).toHaveLength(3);
  });

  test('a submit whose process died is not sent again', async () => {
    const id = await job.startGeneration();
    const uuid = Buffer.from(id, 'base64').toString().split(':')[1] ?? '';
    await job.likeness.app.prisma.job.update({
      where: { id: uuid },
      data: {
        admittedAt: new Date(),
        submittingAt: new Date(),
        correlationToken: '99999999-2222-4333-8444-555555555555',
      },
    });
    await job.toTheEnd(id);
    expect(await job.look(id)).toMatchObject({ status: 'FAILED', error: { code: 'SUBMIT_UNCONFIRMED' } });
    expect(job.fal.at(routes.submit)).toHaveLength(0);
  });

  test('an input error of fal names the field of this API', async () => {
    job.fal.script(routes.submit, says.accepted);
    job.fal.script(routes.stream, sse([says.failed('bad_request')]));
    job.fal.script(
      routes.result,
      json(422, { detail: [{ loc: ['body', 'num_inference_steps'], msg: 'too many', type: 'less_than_equal' }] }),
    );
    const id = await job.startGeneration();
    await job.toTheEnd(id);
    expect(await job.look(id)).toMatchObject({
      status: 'FAILED',
      startedAt: null,
      error: { code: 'INVALID_INPUT', retryable: false, field: 'settings.fluxLora.numInferenceSteps' },
    });
  });

  test('a job without its pictures does not succeed', async () => {
    job.fal.script(routes.submit, says.accepted);
    job.fal.script(routes.stream, sse([says.done]));
    job.fal.always(routes.picture, text(404, 'gone'));
    const id = await job.startGeneration();
    await job.toTheEnd(id);
    expect(await job.look(id)).toMatchObject({ status: 'FAILED', error: { code: 'RESULT_LOST' } });
    expect(await job.likeness.app.prisma.generatedImage.count()).toBe(0);
  });

  test('past its deadline it is cancelled at fal and fails', async () => {
    job.fal.script(routes.submit, says.accepted);
    job.fal.script(routes.stream, sse([says.queued(3)], 'stall'));
    job.fal.script(routes.cancel, says.cancelling);
    const id = await job.startGeneration();
    await job.work(id, (status) => status === 'IN_QUEUE');
    await job.likeness.app.prisma.job.updateMany({ data: { deadlineAt: new Date() } });
    await job.toTheEnd(id);
    expect(await job.look(id)).toMatchObject({ status: 'FAILED', error: { code: 'TIMED_OUT', retryable: true } });
    expect(job.fal.at(routes.cancel)).toHaveLength(1);
  });

  test('cancelled before the submit: ends at once, and nothing is sent', async () => {
    const id = await job.startGeneration();
    expect(await job.cancel(id)).toMatchObject({ __typename: 'Generation', status: 'CANCELLED' });
    expect(await job.cancel(id)).toMatchObject({ __typename: 'JobFinishedError', job: { status: 'CANCELLED' } });
    await job.likeness.worker.tick();
    expect((await job.look(id)).told).toEqual(['Queued', 'Cancelled']);
    expect(job.fal.seen).toHaveLength(0);
  });

  test('cancelled at fal: the server asks fal at once, and the job ends when fal confirms', async () => {
    job.fal.script(routes.submit, says.accepted);
    let tell: (chunk: string) => void = () => undefined;
    job.fal.script(routes.stream, (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(says.queued(3));
      tell = (chunk) => response.end(chunk);
    });
    job.fal.script(routes.cancel, says.cancelling);
    job.fal.script(routes.result, json(499, { detail: 'Request cancelled by the client.' }));
    const id = await job.startGeneration();
    await job.likeness.worker.tick();
    const step = job.likeness.worker.tick();
    await job.fal.nth(routes.stream, 1);
    expect(await job.cancel(id)).toMatchObject({ status: 'IN_QUEUE' });
    expect(await job.cancel(id)).toMatchObject({ status: 'IN_QUEUE' });
    await job.fal.nth(routes.cancel, 1);
    tell(says.failed('client_cancelled'));
    await step;
    expect(await job.look(id)).toMatchObject({ status: 'CANCELLED', error: null });
    expect((await job.look(id)).told.at(-1)).toBe('Cancelled');
  });

  test('cancelled too late: fal had finished, and the pictures are stored', async () => {
    job.fal.script(routes.submit, says.accepted);
    job.fal.script(routes.stream, sse([says.done]));
    job.fal.script(routes.cancel, says.tooLate);
    const id = await job.startGeneration();
    await job.likeness.worker.tick();
    expect(await job.cancel(id)).toMatchObject({ status: 'IN_QUEUE' });
    await job.toTheEnd(id);
    expect((await job.look(id)).status).toBe('SUCCEEDED');
  });

  test('a late step that has lost its claim writes nothing', async () => {
    job.fal.script(routes.submit, says.accepted);
    job.fal.script(routes.stream, sse([says.working([1, 'early'])], 'stall'));
    const id = await job.startGeneration();
    await job.likeness.worker.tick();
    const late = job.likeness.worker.tick();
    await job.fal.nth(routes.stream, 1);
    await job.work(id, (status) => status === 'IN_PROGRESS').catch(() => undefined);
    await job.likeness.app.prisma.job.updateMany({ data: { attemptToken: '99999999-2222-4333-8444-555555555555' } });
    const before = await job.look(id);
    await late;
    expect(await job.look(id)).toEqual(before);
  });
});
