import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { advance, estimate, type Progress, readProgress } from '../../src/fal/progress.ts';

describe('readProgress', () => {
  it.each([
    // [message, total steps, expected step]
    [' 36%|███▌      | 10/28 [00:01<00:02,  7.21it/s]', 28, 10],
    ['  0%|          | 0/28 [00:00<?, ?it/s]', 28, 0],
    ['100%|██████████| 28/28 [00:03<00:00,  7.30it/s]', 28, 28],
    ['Training:  40%|████      | 1000/2500 [02:00<03:00, 8.33it/s, loss=0.31]', 2500, 1000],
    ['Fetching 3 files:  33%|███▎      | 1/3 [00:00<00:01]', 28, undefined],
    ['Training:  12%|█▏        | 1/8 [00:09<01:03]', 28, undefined],
    ['  4%|▍         | 1.00k/28 [00:01]', 28, undefined],
    ['  4%|▍         | 1/28.5k [00:01]', 28, undefined],
    [' 50%|█████     | 14/28\r 53%|█████▎    | 15/28\r 57%|█████▋    | 16/28', 28, 16],
    ['\r 57%|█████▋    | 16/28\r\n', 28, 16],
    [' 57%|█████▋    | 16/28\rFetching:  50%|█████     | 1/2', 28, 16],
    ['step 3/28', 28, 3],
    ['INFO: Step: 3 of 28 done', 28, 3],
    ['iteration 120/300, loss 0.2', 300, 120],
    ['iter 7 / 28', 28, 7],
    ['steps 3/30', 28, undefined],
    ['step 30/28', 28, undefined],
    ['Diffusing: 45%', 28, 12],
    ['training progress 100 %', 2500, 2500],
    ['progress: 140%', 28, undefined],
    ['Training epoch 1/4: 45%', 28, undefined],
    ['INFO:TRYON:Preprocessing images...', 28, undefined],
    ['loss 45%', 28, undefined],
    ['', 28, undefined],
    ['step 3/28', undefined, undefined],
    ['step 0/0', 0, undefined],
  ])('from %j with %j steps in total: %j', (message, totalSteps, step) => {
    expect(readProgress(message, totalSteps)).toEqual(step === undefined ? undefined : { step, totalSteps });
  });

  it.each(['36%|', 'step ', 'step 1', '1/', 'progress ', '█', '\r'])('parses a megabyte of %j quickly', (unit) => {
    const startedAt = performance.now();
    readProgress(unit.repeat(1_000_000 / unit.length), 28);
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });
});

const unknown: Progress = { percent: null, step: null, totalSteps: null, source: 'UNKNOWN' };
const measured = (percent: number, step: number): Progress => ({ percent, step, totalSteps: 28, source: 'MEASURED' });

describe('advance', () => {
  it.each<[string, Progress, number, Progress]>([
    ['a first step', unknown, 7, measured(25, 7)],
    ['a later step', measured(25, 7), 8, measured(28, 8)],
    ['an earlier step changes nothing', measured(25, 7), 3, measured(25, 7)],
    ['the last step is 99 %, because it is not yet success', measured(25, 7), 28, measured(99, 28)],
    [
      'a step below the estimate keeps the percentage',
      { ...unknown, percent: 60, source: 'ESTIMATED' },
      7,
      measured(60, 7),
    ],
    ['a step above the estimate', { ...unknown, percent: 10, source: 'ESTIMATED' }, 7, measured(25, 7)],
  ])('%s', (_name, current, step, expected) => {
    expect(advance(current, { step, totalSteps: 28 })).toEqual(expected);
  });

  it('returns the same object if nothing changes', () => {
    const current = measured(25, 7);
    expect(advance(current, { step: 7, totalSteps: 28 })).toBe(current);
  });
});

describe('estimate', () => {
  it.each([
    [0, 0],
    [-5, 0],
    [15_000, 52],
    [30_000, 75],
    [60_000, 91],
    [3_600_000, 95],
  ])('after %i ms with a typical duration of 30 s: %i %%', (elapsedMs, percent) => {
    expect(estimate(unknown, elapsedMs, 30_000)).toEqual({ ...unknown, percent, source: 'ESTIMATED' });
  });

  it('changes neither measured progress nor progress without a typical duration', () => {
    const current = measured(25, 7);
    expect(estimate(current, 29_000, 30_000)).toBe(current);
    expect(estimate(unknown, 29_000, 0)).toBe(unknown);
    expect(estimate(unknown, 29_000, Number.NaN)).toBe(unknown);
  });

  it('returns the same object if nothing changes', () => {
    const current = estimate(unknown, 15_000, 30_000);
    expect(estimate(current, 15_000, 30_000)).toBe(current);
    expect(estimate(current, 1000, 30_000)).toBe(current);
  });
});

it('progress never decreases, never reaches 100, and never returns from measured to estimated', () => {
  const observation = fc.oneof(
    fc.record({ elapsedMs: fc.integer({ min: -1000, max: 100_000 }) }),
    fc.record({ step: fc.nat(28) }),
  );
  fc.assert(
    fc.property(fc.array(observation, { maxLength: 40 }), (observations) => {
      let current = unknown;
      for (const each of observations) {
        const next =
          'step' in each
            ? advance(current, { step: each.step, totalSteps: 28 })
            : estimate(current, each.elapsedMs, 30_000);
        expect(next.percent).toBeGreaterThanOrEqual(current.percent ?? 0);
        expect(next.percent).toBeLessThan(100);
        expect([current.source, next.source]).not.toEqual(['MEASURED', 'ESTIMATED']);
        expect(next.source).not.toBe('UNKNOWN');
        current = next;
      }
    }),
  );
});
