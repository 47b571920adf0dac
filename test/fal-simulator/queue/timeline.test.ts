import { describe, expect, it } from 'vitest';
import { logsAt, tqdm } from '../../../src/fal-simulator/queue/model-logs.ts';
import type { Failure, FalRequest, Speed } from '../../../src/fal-simulator/queue/request.ts';
import { nextChangeAt, type Progress, progressAt } from '../../../src/fal-simulator/queue/timeline.ts';
import { type Timings, timingsOf } from '../../../src/fal-simulator/queue/timings.ts';

const plan: Timings = { queueMs: 400, runMs: 1000, queuePosition: 3, failureMs: 50, stopMs: 100 };
const failure: Failure = { status: 422, detail: [] };
const t0 = 1_000_000;
const ended = (at: number, startedAt: number | undefined, cancelled = false): Progress => ({
  status: 'COMPLETED',
  startedAt,
  ranMs: startedAt === undefined ? 0 : at - startedAt,
  at,
  cancelled,
});

describe('progressAt', () => {
  it.each<[string, number, object, Progress]>([
    ['when it is accepted', 0, {}, { status: 'IN_QUEUE', queuePosition: 3 }],
    ['after the clock was set back', -50, {}, { status: 'IN_QUEUE', queuePosition: 3 }],
    ['after a quarter of the queue', 100, {}, { status: 'IN_QUEUE', queuePosition: 2 }],
    ['next in line', 399, {}, { status: 'IN_QUEUE', queuePosition: 0 }],
    ['started', 400, {}, { status: 'IN_PROGRESS', startedAt: t0 + 400, ranMs: 0 }],
    ['half done', 900, {}, { status: 'IN_PROGRESS', startedAt: t0 + 400, ranMs: 500 }],
    ['done', 1400, {}, ended(t0 + 1400, t0 + 400)],
    ['long after', 9e9, {}, ended(t0 + 1400, t0 + 400)],
    ['cancelled in the queue', 200, { cancelledAt: t0 + 150 }, ended(t0 + 150, undefined, true)],
    [
      'cancelled while running',
      650,
      { cancelledAt: t0 + 600 },
      { status: 'IN_PROGRESS', startedAt: t0 + 400, ranMs: 250 },
    ],
    ['stopped after a cancel', 700, { cancelledAt: t0 + 600 }, ended(t0 + 700, t0 + 400, true)],
    ['cancelled too late', 1400, { cancelledAt: t0 + 1350 }, ended(t0 + 1400, t0 + 400)],
    ['archive rejected', 450, { trained: { at: t0 + 100, failure } }, ended(t0 + 450, t0 + 400)],
    [
      'archive not yet refused',
      440,
      { trained: { at: t0 + 100, failure } },
      { status: 'IN_PROGRESS', startedAt: t0 + 400, ranMs: 40 },
    ],
    ['archive rejected later', 660, { trained: { at: t0 + 600, failure } }, ended(t0 + 650, t0 + 400)],
    ['archive read', 1399, { trained: { at: t0 + 100 } }, { status: 'IN_PROGRESS', startedAt: t0 + 400, ranMs: 999 }],
  ])('%s', (_, after, request, progress) => {
    expect(progressAt({ acceptedAt: t0, ...request }, plan, t0 + after)).toEqual(progress);
  });

  it('is complete at once if all durations are 0', () => {
    const instant = { queueMs: 0, runMs: 0, queuePosition: 2, failureMs: 0, stopMs: 0 };
    expect(progressAt({ acceptedAt: t0 }, instant, t0)).toEqual(ended(t0, t0));
  });
});

describe('nextChangeAt', () => {
  it.each([
    [0, {}, 100],
    [150, {}, 200],
    [399, {}, 400],
    [400, {}, 1400],
    [600, { cancelledAt: t0 + 600 }, 700],
    [1400, {}, undefined],
  ])('is next due after %i ms', (after, request, due) => {
    const at = nextChangeAt({ acceptedAt: t0, ...request }, plan, t0 + after);
    expect(at).toBe(due === undefined ? undefined : t0 + due);
  });
});

const id = '0b0f9c64-9a3e-4a7e-8d39-1d8f6a1f1c11';
const drawing = (speed: Speed, input: object = {}): FalRequest => ({
  id,
  endpoint: 'fal-ai/flux-lora',
  input: { prompt: 'x', ...input },
  acceptedAt: t0,
  speed,
});
const training = (speed: Speed, input: object = {}): FalRequest => ({
  id,
  endpoint: 'fal-ai/flux-lora-portrait-trainer',
  acceptedAt: t0,
  speed,
  input: { images_data_url: 'http://x/a.zip', ...input },
});

describe('timingsOf', () => {
  it.each<[string, FalRequest, [number, number]]>([
    ['a generation, quick', drawing('quick'), [1500, 2500]],
    ['a training, quick', training('quick'), [4000, 6000]],
    ['28 steps, real', drawing('real'), [25_000, 40_000]],
    ['50 steps, real', drawing('real', { num_inference_steps: 50 }), [40_000, 63_000]],
    ['2,500 steps, real', training('real'), [540_000, 670_000]],
    ['anything, instant', training('instant'), [0, 0]],
  ])('%s', (_, request, [from, to]) => {
    const { queueMs, runMs } = timingsOf(request);
    expect(queueMs + runMs).toBeGreaterThanOrEqual(from);
    expect(queueMs + runMs).toBeLessThanOrEqual(to);
  });

  it('takes a day in the queue or running for a prompt that asks for it, at any speed', () => {
    const dayMs = 86_400_000;
    expect(timingsOf(drawing('instant', { prompt: '[[queued]]' }))).toMatchObject({ queueMs: dayMs });
    expect(timingsOf(drawing('instant', { prompt: '[[queued]]' })).queuePosition).toBeGreaterThan(0);
    expect(timingsOf(training('instant', { trigger_phrase: '[[stuck]]' }))).toMatchObject({ runMs: dayMs });
  });

  it('ends a rejected input quickly', () => {
    expect(timingsOf({ ...drawing('real'), failure }).runMs).toBe(2000);
  });
});

describe('logsAt', () => {
  const at = (request: FalRequest, share: number) => {
    const { queueMs, runMs } = timingsOf(request);
    return logsAt(request, progressAt(request, timingsOf(request), t0 + queueMs + runMs * share));
  };
  const bars = (messages: string[], total: number) => messages.filter((message) => message.includes(`/${total} [`));

  it('is empty in the queue and after a cancellation there', () => {
    const request = drawing('quick');
    expect(logsAt(request, progressAt(request, timingsOf(request), t0))).toEqual([]);
    const cancelled = { ...request, cancelledAt: t0 };
    expect(logsAt(cancelled, progressAt(cancelled, timingsOf(cancelled), t0 + 9e9))).toEqual([]);
  });

  it.each<[FalRequest, number]>([
    [drawing('quick', { num_inference_steps: 35 }), 35],
    [training('quick', { steps: 1000 }), 1000],
    [training('real', { steps: 4000 }), 4000],
    [training('instant', { steps: 7 }), 7],
  ])('has a progress bar with the requested steps, among other bars (%#)', (request, steps) => {
    const messages = at(request, 1).map(({ message }) => message);
    expect(bars(messages, steps)[0]).toMatch(/ 0%\|/);
    expect(bars(messages, steps).at(-1)).toMatch(/100%\|█{10}\|/);
    expect(bars(messages, 3)).toHaveLength(2);
    expect(messages.length).toBeGreaterThan(10);
  });

  it('has no progress bar for an endpoint without steps', () => {
    const input = { prompt: 'x', finetune_id: 'y', finetune_strength: 1 };
    const request: FalRequest = { ...drawing('quick'), endpoint: 'fal-ai/flux-pro/v1.1-ultra-finetuned', input };
    expect(at(request, 1).filter(({ message }) => message.includes('%|'))).toHaveLength(2);
  });

  it('only grows and never changes an entry, also if the archive is read late', () => {
    const request = training('real');
    const early = at(request, 0.4);
    const known = { ...request, trained: { at: t0, images: 12 } };
    const late = at(known, 0.7).map(({ timestamp, message }) => `${timestamp} ${message}`);
    for (const { timestamp, message } of early) expect(late).toContain(`${timestamp} ${message}`);
    expect(late.join()).toContain('Found 12 images');
    expect([...late].sort()).toEqual(late);
  });

  it('has the format of fal: microseconds without a time zone, labels, no level', () => {
    const [entry] = at(drawing('quick'), 0.5);
    expect(entry?.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/);
    expect(Object.keys(entry ?? {}).sort()).toEqual(['labels', 'message', 'timestamp']);
    expect(entry?.labels['fal_request_id']).toBe(id);
  });

  it('is short for a rejected input', () => {
    expect(at({ ...drawing('instant'), failure }, 1)).toHaveLength(1);
    expect(at({ ...training('instant'), trained: { at: t0, failure } }, 1)).toHaveLength(1);
  });
});

describe('tqdm', () => {
  it.each([
    [{ title: '', done: 0, total: 28, elapsedMs: 0 }, '  0%|          | 0/28 [00:00<?, ?it/s]'],
    [{ title: '', done: 10, total: 28, elapsedMs: 1387 }, ' 35%|███▌      | 10/28 [00:01<00:02,  7.21it/s]'],
    [
      { title: 'Training', done: 2500, total: 2500, elapsedMs: 3_720_000 },
      'Training: 100%|██████████| 2500/2500 [1:02:00<00:00,  0.67it/s]',
    ],
  ])('%#', (bar, line) => {
    expect(tqdm({ more: '', ...bar })).toBe(line);
  });
});
