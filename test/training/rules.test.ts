import { describe, expect, it } from 'vitest';
import { InvalidInputError, parseInput } from '../../src/refusal/invalid-input.ts';
import {
  assertDatasetReady,
  DatasetNotReadyError,
  readinessOf,
  routeTraining,
  startTrainingInput,
} from '../../src/training/rules.ts';

describe('readinessOf', () => {
  it.each([
    [0, ['Add 10 more photos: it takes at least 10.']],
    [8, ['Add 2 more photos: it takes at least 10.']],
    [9, ['Add 1 more photo: it takes at least 10.']],
    [10, []],
    [20, []],
    [21, ['Remove 1 photo: it takes at most 20.']],
    [23, ['Remove 3 photos: it takes at most 20.']],
  ])('%i photos', (photoCount, missing) => {
    const ready = missing.length === 0;
    expect(readinessOf(photoCount)).toEqual({ ready, photoCount, minPhotos: 10, maxPhotos: 20, missing });
  });

  it.each([10, 20])('%i photos are enough', (photoCount) => {
    expect(() => assertDatasetReady(photoCount)).not.toThrow();
  });

  it.each([9, 21])('%i photos are too few or too many', (photoCount) => {
    expect(() => assertDatasetReady(photoCount)).toThrow(new DatasetNotReadyError(readinessOf(photoCount)));
  });
});

describe('the input of startTraining', () => {
  const parse = (input: object, mode: 'LIVE' | 'SIMULATED' = 'LIVE') => parseInput(startTrainingInput(mode), input);

  it('has the preset BALANCED by default', () => {
    expect(parse({})).toEqual({ preset: 'BALANCED' });
    expect(parse({ preset: null, settings: null, datasetUrl: null, idempotencyKey: null }).preset).toBe('BALANCED');
    expect(parse({ preset: 'FAST' }).preset).toBe('FAST');
  });

  it.each([
    [{ datasetUrl: new URL('http://example.com/a.zip') }, 'datasetUrl', 'Only https is taken, not http.'],
    [
      { settings: { fluxProTrainer: { comment: ' ' } } },
      'settings.fluxProTrainer.comment',
      'A comment has 1 to 200 characters.',
    ],
    [
      { settings: { fluxProTrainer: { comment: 'a\nb' } } },
      'settings.fluxProTrainer.comment',
      'A comment has no line breaks or other control characters.',
    ],
  ])('%j names %s', (input, path, message) => {
    expect(() => parse(input)).toThrow(new InvalidInputError([{ path, message }]));
  });

  it('takes an archive on loopback for the simulator', () => {
    expect(parse({ datasetUrl: new URL('http://127.0.0.1:4001/a.zip') }, 'SIMULATED').datasetUrl).toBe(
      'http://127.0.0.1:4001/a.zip',
    );
  });
});

describe('routeTraining', () => {
  it.each([
    ['PORTRAIT', undefined, 'fluxLoraPortraitTrainer'],
    ['PORTRAIT', 'fluxLoraPortraitTrainer', 'fluxLoraPortraitTrainer'],
    ['STYLE', undefined, 'fluxProTrainer'],
    ['STYLE', 'fluxProTrainer', 'fluxProTrainer'],
  ] as const)('trains a %s with settings of %s by %s', (kind, named, name) => {
    expect(routeTraining(kind, named)).toMatchObject({ trainer: { name } });
  });

  it.each([
    ['PORTRAIT', 'fluxProTrainer', 'A portrait is trained by fluxLoraPortraitTrainer.'],
    ['STYLE', 'fluxLoraPortraitTrainer', 'A style is trained by fluxProTrainer.'],
  ] as const)('refuses a %s with settings of %s', (kind, named, message) => {
    expect(routeTraining(kind, named)).toEqual({ issue: { path: `settings.${named}`, message } });
  });
});
