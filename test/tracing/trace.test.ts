/** The trace of a job, as a collector is sent it: one tree, from the mutation to the first event that a subscriber gets. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { localViewer } from '../../src/access/session.ts';
import { Client } from '../support/client.ts';
import { globalId } from '../support/global-id.ts';
import { subscribe } from '../support/http.ts';
import { liveAt, newDataFolder, startLikeness } from '../support/likeness.ts';
import { startProcess } from '../support/process.ts';
import { addAvatar } from '../support/rows.ts';
import { json, openScriptedFal, sse } from '../support/scripted-fal.ts';
import { requestId, routes, says } from '../support/scripted-job.ts';
import { openCollector, type Received } from './collector.ts';

const eventsDocument = `subscription($jobId: ID!) { jobEvents(jobId: $jobId) { __typename sequence } }`;
const secret = 'canary-of-a-prompt';

const caller = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
const traceparent = `00-${caller.traceId}-${caller.spanId}-01`;

/** A Likeness against a scripted fal, stepped by hand, with an avatar to draw. */
async function open(env: Record<string, string>) {
  const fal = await openScriptedFal();
  onTestFinished(() => fal.close());
  const likeness = await startLikeness({
    env: { ...liveAt(fal.url), ...env },
    manual: true,
    overrides: { random: () => 0 },
  });
  onTestFinished(() => likeness.close());
  const { id } = await addAvatar(likeness.app.prisma, localViewer.id, { diffusersLoraFileUrl: `${fal.url}/lora` });
  fal.always(routes.status, json(202, { status: 'IN_QUEUE', request_id: requestId, queue_position: 3 }));
  const start = (headers: Record<string, string> = {}) =>
    new Client(() => likeness.url, headers).startGeneration({
      avatarId: globalId('PortraitAvatar', id),
      prompt: secret,
    });
  const unfinished = () => likeness.app.prisma.job.count({ where: { finishedAt: null } });
  const work = async () => {
    while ((await unfinished()) > 0) {
      if ((await likeness.worker.tick()) > 0) continue;
      await likeness.app.prisma.$executeRaw`UPDATE pgboss.job SET start_after = now() WHERE state < 'active'`;
    }
  };
  return { fal, likeness, start, work };
}

const named = (spans: Received[], name: string) => spans.filter((span) => span.name === name);
const one = (spans: Received[], name: string) => {
  expect(named(spans, name).map((span) => span.name)).toEqual([name]);
  return named(spans, name)[0] as Received;
};

test('one tree, below the caller’s span; nothing of it goes to fal, and nothing that a user wrote is in it', async () => {
  const collector = await openCollector();
  const { fal, likeness, start, work } = await open(collector.env);
  fal.script(routes.submit, json(429, { detail: secret }, { 'retry-after': '0' }), says.accepted);
  fal.script(routes.stream, sse([says.working([1, secret]), says.done]));
  fal.always(routes.result, json(422, { detail: [{ loc: ['body', 'prompt'], msg: secret, type: 'value_error' }] }));

  const id = await start({ traceparent });
  const events = subscribe<{ jobEvents: { __typename: string } }>(likeness.url, eventsDocument, { jobId: id });
  expect((await events.next()).value?.data.jobEvents.__typename).toBe('JobQueued');
  await work();
  for await (const _event of events) continue;
  await likeness.close();

  const spans = collector.spans();
  expect(new Set(spans.map((span) => [span.service, span.traceId].join()))).toEqual(
    new Set([`likeness,${caller.traceId}`]),
  );
  const mutation = one(spans, 'mutation startGeneration');
  expect(mutation).toMatchObject({
    parentSpanId: caller.spanId,
    kind: 2,
    attributes: { 'graphql.operation.type': 'mutation' },
  });
  // Each step once more for each time that it was taken up: the first submit was throttled.
  const steps = spans.filter((span) => span.name.startsWith('step '));
  expect(new Set(steps.map(({ name }) => name))).toEqual(new Set(['step submit', 'step follow', 'step finalize']));
  expect(new Set(steps.map((step) => step.parentSpanId))).toEqual(new Set([mutation.spanId]));
  expect(one(spans, 'deliver QUEUED').parentSpanId).toBe(mutation.spanId);
  const calls = spans.filter((span) => span.name.startsWith('fal '));
  // The avatar's own file is looked at as any URL of a user's is.
  expect(calls).toHaveLength(fal.seen.filter(({ path }) => path !== '/lora').length);
  const stepOf = (call: Received) => steps.find((step) => step.spanId === call.parentSpanId)?.name;
  for (const call of calls) expect([call.kind, stepOf(call)]).toEqual([3, expect.stringMatching(/^step /)]);
  expect(new Set(named(spans, 'fal submit').map(stepOf))).toEqual(new Set(['step submit']));
  expect(named(spans, 'fal submit').map(({ attributes }) => Number(attributes['http.response.status_code']))).toEqual([
    429, 200,
  ]);
  expect(stepOf(one(spans, 'fal stream'))).toBe('step follow');
  expect(spans).toHaveLength(2 + steps.length + calls.length);
  for (const call of calls) {
    const step = steps.find((at) => at.spanId === call.parentSpanId) as Received;
    expect(call.startTimeUnixNano >= step.startTimeUnixNano && call.endTimeUnixNano <= step.endTimeUnixNano).toBe(true);
  }

  for (const { headers } of fal.seen) expect(headers).not.toHaveProperty('traceparent');
  expect(collector.everything()).not.toMatch(new RegExp(`${secret}|test-secret|at sea`));

  const lines = likeness.logged.map((line) => JSON.parse(line) as Record<string, unknown>);
  const jobId = Buffer.from(id, 'base64').toString().split(':')[1];
  const refusals = lines.filter(({ msg }) => msg === 'fal rejected the call of a step');
  expect(refusals).toHaveLength(2);
  for (const line of refusals) {
    expect(line).toMatchObject({ jobId, trace_id: caller.traceId });
    expect(steps.map(({ spanId }) => spanId)).toContain(line['span_id']);
  }
  // What is nobody's in particular is in no trace.
  expect(lines.filter(({ msg, trace_id }) => msg === 'request' && trace_id !== undefined)).toEqual([]);
});

test('without a collector nothing is traced: not the row, not the log', async () => {
  const { fal, likeness, start, work } = await open({});
  fal.script(routes.submit, json(422, { detail: 'no' }));
  await start({ traceparent });
  await work();
  expect(await likeness.app.prisma.job.findFirst()).toMatchObject({ status: 'FAILED', traceparent: null });
  expect(likeness.logged.join('\n')).not.toMatch(/trace_id|span_id/);
});

test('a job that was started untraced goes on untraced', async () => {
  const collector = await openCollector();
  const { fal, likeness, start, work } = await open(collector.env);
  fal.script(routes.submit, json(422, { detail: 'no' }));
  await start();
  await likeness.app.prisma.job.updateMany({ data: { traceparent: null } });
  await work();
  await likeness.close();
  expect(collector.spans().map(({ name }) => name)).toEqual(['mutation startGeneration']);
});

test('two jobs are two traces, whoever woke the worker', async () => {
  const collector = await openCollector();
  const { fal, likeness, start, work } = await open(collector.env);
  fal.always(routes.submit, json(422, { detail: 'no' }));
  await start();
  await start();
  await work();
  await likeness.close();
  const spans = collector.spans();
  const mutations = named(spans, 'mutation startGeneration');
  expect(new Set(mutations.map(({ traceId }) => traceId)).size).toBe(2);
  for (const { traceId, spanId } of mutations) {
    const below = spans.filter((span) => span.traceId === traceId && span.name === 'step submit');
    expect(below.map(({ parentSpanId }) => parentSpanId)).toEqual([spanId]);
  }
});

test('protobuf, as OTLP has it, to the endpoint of traces alone', async () => {
  const collector = await openCollector();
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/spans`,
    OTEL_SERVICE_NAME: 'pictures',
  };
  const { likeness, start } = await open(env);
  await start();
  await likeness.close();
  expect(collector.posts.map(({ path, headers }) => [path, headers['content-type']])).toEqual([
    ['/spans', 'application/x-protobuf'],
  ]);
  expect(collector.everything()).toContain('mutation startGeneration');
  expect(collector.everything()).toContain('pictures');
});

test('a collector that is gone is complained of, and keeps nothing from working or ending', async () => {
  const { fal, likeness, start, work } = await open({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' });
  fal.script(routes.submit, json(422, { detail: 'no' }));
  await start();
  await work();
  await likeness.close();
  expect(likeness.logged.join('')).not.toContain('could not be closed');
});

test('over kill -9: the steps of the next process are in the same trace', async () => {
  const collector = await openCollector();
  const { dataDir, remove } = newDataFolder();
  onTestFinished(remove);
  const env = { DATA_DIR: dataDir, FAL_SIMULATOR_SPEED: 'instant', OTEL_BSP_SCHEDULE_DELAY: '50', ...collector.env };
  const first = await startProcess(env);
  onTestFinished(async () => void (await first.end('SIGKILL')));
  const avatarId = await new Client(() => first.url).importStyle();
  const traced = new Client(() => first.url, { traceparent });
  const jobId = await traced.startGeneration({ avatarId, prompt: `[[stuck]] ${secret}` });
  const ofJob = () => collector.spans().filter(({ traceId }) => traceId === caller.traceId);
  const has = (name: string, count = 1) =>
    vi.waitFor(() => expect(named(ofJob(), name).length).toBeGreaterThanOrEqual(count), {
      timeout: 20_000,
      interval: 50,
    });
  await has('mutation startGeneration');
  await has('step submit');
  await first.end('SIGKILL');

  const second = await startProcess(env);
  onTestFinished(async () => void (await second.end('SIGKILL')));
  const events = subscribe(second.url, eventsDocument, { jobId });
  await events.next();
  await new Client(() => second.url).cancelJob(jobId);
  for await (const _event of events) continue;
  await has('deliver QUEUED');
  await has('step follow');
  expect(await second.end('SIGTERM')).toBe(0);

  const lines = second
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as object);
  const cancelled = {
    msg: 'job cancelled',
    trace_id: caller.traceId,
    jobId: Buffer.from(jobId, 'base64').toString().split(':')[1],
  };
  expect(lines).toContainEqual(expect.objectContaining(cancelled));

  const spans = ofJob();
  const mutation = one(spans, 'mutation startGeneration');
  expect(mutation.parentSpanId).toBe(caller.spanId);
  const below = spans.filter(({ name }) => /^(step|deliver) /.test(name));
  expect(new Set(below.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set([mutation.spanId]));
  expect(new Set(below.map(({ instance }) => instance)).size).toBe(2);
  expect(one(spans, 'deliver QUEUED').instance).not.toBe(mutation.instance);
  expect(collector.everything()).not.toContain(secret);
});
