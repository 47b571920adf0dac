import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Avatar, Job } from '../../prisma/generated/client/client.ts';
import { localViewer } from '../../src/start.ts';
import { liveAt, newDataFolder, startLikeness, type TestLikeness } from '../support/likeness.ts';
import { addAvatar } from '../support/rows.ts';
import { hang, json, openScriptedFal, reset, type ScriptedFal, sse, text } from '../support/scripted-fal.ts';

const requestId = '11111111-2222-4333-8444-555555555555';
const app = '/fal-ai/flux-lora';
const request = `${app}/requests/${requestId}` as const;
const stream = `GET ${request}/status/stream` as const;
const startDocument = `mutation($input: StartGenerationInput!) { startGeneration(input: $input) { __typename ... on Generation { id } ... on Error { message } } }`;
const jobDocument = `query($id: ID!) { node(id: $id) { ... on Job { status queuePosition requestId startedAt finishedAt
  progress { percent step totalSteps source } error { code message retryable field }
  events(first: 100) { edges { node { __typename sequence ... on JobLogged { message } ... on JobQueueMoved { position } ... on JobProgressed { progress { percent source } } } } } } } }`;

describe('the life of a job', () => {
  let fal: ScriptedFal;
  let likeness: TestLikeness;
  let avatar: Avatar;
  beforeEach(async () => {
    fal = await openScriptedFal();
    likeness = await startLikeness({
      env: liveAt(fal.url),
      manual: true,
      runner: { followMs: 2_000, random: () => 0 },
    });
    avatar = await addAvatar(likeness.app.prisma, localViewer.id, { diffusersLoraFileUrl: `${fal.url}/lora` });
    // Following begins with one read, and goes on by the stream.
    fal.always(`GET ${request}/status`, json(202, { status: 'IN_QUEUE', request_id: requestId, queue_position: 3 }));
  });
  afterEach(async () => {
    await likeness.close();
    await fal.close();
  });

  const startGeneration = async (numImages = 1) => {
    const avatarId = Buffer.from(`PortraitAvatar:${avatar.id}`).toString('base64');
    const { data } = await likeness.gql<{ startGeneration: { id: string } }>(startDocument, {
      input: { avatarId, prompt: 'at sea', numImages },
    });
    return data?.startGeneration.id ?? '';
  };
  type Told = Job & { progress: object; error: object; events: { edges: { node: Record<string, unknown> }[] } };
  const look = async (id: string) => {
    const { data } = await likeness.gql<{ node: Told }>(jobDocument, { id });
    const job = data?.node as Told;
    return { ...job, told: job.events.edges.map(({ node }) => String(node['__typename']).slice(3)) };
  };
  /** Steps until nothing is due; a step that was put off is waited for. */
  const work = async (id: string, until: (status: string) => boolean) => {
    for (let ticks = 0; ticks < 100; ticks += 1) {
      if (until((await look(id)).status)) return;
      if ((await likeness.worker.tick()) === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`The job is still ${(await look(id)).status}.`);
  };
  const toTheEnd = (id: string) => work(id, (status) => ['SUCCEEDED', 'FAILED', 'CANCELLED'].includes(status));

  const accepted = json(200, { status: 'IN_QUEUE', request_id: requestId, queue_position: 3 });
  const at = (n: number) => `2026-01-01T00:00:00.00000${n}`;
  const event = (status: object) => `data: ${JSON.stringify({ request_id: requestId, ...status })}\n\n`;
  const queued = (position: number) => event({ status: 'IN_QUEUE', queue_position: position });
  const working = (...logs: [number, string][]) =>
    event({ status: 'IN_PROGRESS', logs: logs.map(([n, message]) => ({ timestamp: at(n), message, labels: {} })) });
  const done = event({ status: 'COMPLETED', logs: [], metrics: {} });
  const result = (count = 1) =>
    json(200, {
      images: Array.from({ length: count }, (_, n) => ({ url: `${fal.url}/picture-${n}.jpg` })),
      seed: 7,
      has_nsfw_concepts: Array.from({ length: count }, () => false),
    });
  const picture = async () => {
    const blank = { create: { width: 1024, height: 1024, channels: 3, background: 'teal' } } as const;
    fal.always('GET /picture-0.jpg', text(200, await sharp(blank).jpeg().toBuffer(), { 'content-type': 'image/jpeg' }));
  };

  test('from QUEUED to SUCCEEDED, every state with its event', async () => {
    fal.script(`POST ${app}`, accepted);
    fal.script(stream, sse([queued(3), queued(1), working([1, ' 50%|█████     | 14/28 [00:01<00:01]']), done]));
    fal.script(`GET ${request}`, result());
    await picture();
    const id = await startGeneration();
    expect(await look(id)).toMatchObject({ status: 'QUEUED', requestId: null, told: ['Queued'] });
    await toTheEnd(id);
    const job = await look(id);
    expect(job).toMatchObject({ status: 'SUCCEEDED', requestId, queuePosition: null, error: null });
    expect(job.progress).toEqual({ percent: 100, step: 14, totalSteps: 28, source: 'MEASURED' });
    const told = job.told.filter((type) => type !== 'Progressed');
    expect(told).toEqual([
      'Queued',
      'Submitted',
      'QueueMoved',
      'QueueMoved',
      'Started',
      'Logged',
      'Finalizing',
      'Succeeded',
    ]);
    expect(job.events.edges.map(({ node }) => node['sequence'])).toEqual(job.told.map((_, n) => n + 1));
    expect(fal.at(`POST ${app}`)).toHaveLength(1);
  });

  test('a step lets go while fal works, and the next goes on without telling a line twice', async () => {
    fal.script(`POST ${app}`, accepted);
    fal.script(
      stream,
      sse([working([1, 'one'], [2, 'two'])], 'stall'),
      sse([working([1, 'one'], [2, 'two'], [3, 'three']), done]),
    );
    fal.script(`GET ${request}`, result());
    await picture();
    const id = await startGeneration();
    await toTheEnd(id);
    const lines = (await look(id)).events.edges.flatMap(({ node }) => ('message' in node ? [node['message']] : []));
    expect(lines).toEqual(['one', 'two', 'three']);
    expect(fal.at(stream)).toHaveLength(2);
  });

  test('a refused submit is sent again after a pause, a lost answer never', async () => {
    fal.script(`POST ${app}`, json(429, { detail: 'slow down' }, { 'retry-after': '0' }), accepted);
    fal.script(stream, sse([done]));
    fal.script(`GET ${request}`, result());
    await picture();
    const throttled = await startGeneration();
    await toTheEnd(throttled);
    expect((await look(throttled)).status).toBe('SUCCEEDED');
    expect(fal.at(`POST ${app}`)).toHaveLength(2);

    fal.script(`POST ${app}`, reset);
    const lost = await startGeneration();
    await toTheEnd(lost);
    expect(await look(lost)).toMatchObject({
      status: 'FAILED',
      error: { code: 'SUBMIT_UNCONFIRMED', retryable: true },
    });
    expect(fal.at(`POST ${app}`)).toHaveLength(3);
  });

  test('a submit whose process died is not sent again', async () => {
    const id = await startGeneration();
    const uuid = Buffer.from(id, 'base64').toString().split(':')[1] ?? '';
    await likeness.app.prisma.job.update({
      where: { id: uuid },
      data: { submittingAt: new Date(), correlationToken: '99999999-2222-4333-8444-555555555555' },
    });
    await toTheEnd(id);
    expect(await look(id)).toMatchObject({ status: 'FAILED', error: { code: 'SUBMIT_UNCONFIRMED' } });
    expect(fal.at(`POST ${app}`)).toHaveLength(0);
  });

  test('what fal refuses names the field as this API does', async () => {
    fal.script(`POST ${app}`, accepted);
    fal.script(stream, sse([event({ status: 'COMPLETED', error: 'Unprocessable', error_type: 'bad_request' })]));
    fal.script(
      `GET ${request}`,
      json(422, { detail: [{ loc: ['body', 'num_inference_steps'], msg: 'too many', type: 'less_than_equal' }] }),
    );
    const id = await startGeneration();
    await toTheEnd(id);
    expect(await look(id)).toMatchObject({
      status: 'FAILED',
      startedAt: null,
      error: { code: 'INVALID_INPUT', retryable: false, field: 'settings.fluxLora.numInferenceSteps' },
    });
  });

  test('nothing succeeds without its pictures', async () => {
    fal.script(`POST ${app}`, accepted);
    fal.script(stream, sse([done]));
    fal.script(`GET ${request}`, result());
    fal.always('GET /picture-0.jpg', text(404, 'gone'));
    const id = await startGeneration();
    await toTheEnd(id);
    expect(await look(id)).toMatchObject({ status: 'FAILED', error: { code: 'RESULT_LOST' } });
    expect(await likeness.app.prisma.generatedImage.count()).toBe(0);
  });

  test('past its deadline it is cancelled at fal and fails', async () => {
    fal.script(`POST ${app}`, accepted);
    fal.script(stream, sse([queued(3)], 'stall'));
    fal.script(`PUT ${request}/cancel`, json(202, { status: 'CANCELLATION_REQUESTED' }));
    const id = await startGeneration();
    await work(id, (status) => status === 'IN_QUEUE');
    await likeness.app.prisma.job.updateMany({ data: { deadlineAt: new Date() } });
    await toTheEnd(id);
    expect(await look(id)).toMatchObject({ status: 'FAILED', error: { code: 'TIMED_OUT', retryable: true } });
    expect(fal.at(`PUT ${request}/cancel`)).toHaveLength(1);
  });

  const cancelDocument = `mutation($id: ID!) { cancelJob(jobId: $id) { __typename ... on Job { status } ... on JobFinishedError { message job { status } } ... on Error { message } } }`;
  const cancel = async (id: string) =>
    (await likeness.gql<{ cancelJob: object }>(cancelDocument, { id })).data?.cancelJob;

  test('cancelled before fal has it: at once, and nothing is sent', async () => {
    const id = await startGeneration();
    expect(await cancel(id)).toMatchObject({ __typename: 'Generation', status: 'CANCELLED' });
    expect(await cancel(id)).toMatchObject({ __typename: 'JobFinishedError', job: { status: 'CANCELLED' } });
    await likeness.worker.tick();
    expect((await look(id)).told).toEqual(['Queued', 'Cancelled']);
    expect(fal.seen).toHaveLength(0);
  });

  test('cancelled at fal: fal is asked at once, and the job ends when fal has', async () => {
    fal.script(`POST ${app}`, accepted);
    let tell: (chunk: string) => void = () => undefined;
    fal.script(stream, (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(queued(3));
      tell = (chunk) => response.end(chunk);
    });
    fal.script(`PUT ${request}/cancel`, json(202, { status: 'CANCELLATION_REQUESTED' }));
    fal.script(`GET ${request}`, json(499, { detail: 'Request cancelled by the client.' }));
    const id = await startGeneration();
    await likeness.worker.tick();
    const step = likeness.worker.tick();
    await fal.nth(stream, 1);
    expect(await cancel(id)).toMatchObject({ status: 'IN_QUEUE' });
    expect(await cancel(id)).toMatchObject({ status: 'IN_QUEUE' });
    await fal.nth(`PUT ${request}/cancel`, 1);
    tell(event({ status: 'COMPLETED', error: 'cancelled', error_type: 'client_cancelled' }));
    await step;
    expect(await look(id)).toMatchObject({ status: 'CANCELLED', error: null });
    expect((await look(id)).told.at(-1)).toBe('Cancelled');
  });

  test('cancelled too late: fal was first, and its pictures are kept', async () => {
    fal.script(`POST ${app}`, accepted);
    fal.script(stream, sse([done]));
    fal.script(`PUT ${request}/cancel`, json(400, { status: 'ALREADY_COMPLETED' }));
    fal.script(`GET ${request}`, result());
    await picture();
    const id = await startGeneration();
    await likeness.worker.tick();
    expect(await cancel(id)).toMatchObject({ status: 'IN_QUEUE' });
    await toTheEnd(id);
    expect((await look(id)).status).toBe('SUCCEEDED');
  });

  test('a late step, whose job was taken over, writes nothing', async () => {
    fal.script(`POST ${app}`, accepted);
    fal.script(stream, sse([working([1, 'early'])], 'stall'));
    const id = await startGeneration();
    await likeness.worker.tick();
    const late = likeness.worker.tick();
    await fal.nth(stream, 1);
    await work(id, (status) => status === 'IN_PROGRESS').catch(() => undefined);
    await likeness.app.prisma.job.updateMany({ data: { attemptToken: '99999999-2222-4333-8444-555555555555' } });
    const before = await look(id);
    await late;
    expect(await look(id)).toEqual(before);
  });

  test('a stop lets go of what fal does, and the next start takes it up', async () => {
    const { dataDir, remove } = newDataFolder();
    const options = { env: liveAt(fal.url), dataDir, manual: true };
    await likeness.close();
    likeness = await startLikeness(options);
    avatar = await addAvatar(likeness.app.prisma, localViewer.id, { diffusersLoraFileUrl: `${fal.url}/lora` });
    fal.script(`POST ${app}`, accepted);
    fal.script(stream, hang, sse([done]));
    fal.script(`GET ${request}`, result());
    await picture();
    const id = await startGeneration();
    await likeness.worker.tick();
    const step = likeness.worker.tick();
    await fal.nth(stream, 1);
    await likeness.close();
    await step;
    likeness = await startLikeness(options);
    expect((await look(id)).status).toBe('IN_QUEUE');
    await toTheEnd(id);
    expect((await look(id)).told).toEqual(['Queued', 'Submitted', 'QueueMoved', 'Started', 'Finalizing', 'Succeeded']);
    expect(fal.at(`POST ${app}`)).toHaveLength(1);
    remove();
  });
});
