import { describe, expect, it } from 'vitest';
import { InvalidInputError, parseInput } from '../../src/refusal/refusal.ts';
import {
  assertDatasetReady,
  DatasetNotReadyError,
  readinessOf,
  startTrainingInput,
  trainerIssues,
} from '../../src/training/rules.ts';
import { checkedInput, fieldName, rangeOf } from '../../src/training/settings/names.ts';
import { presetSettings, type TrainingSettings } from '../../src/training/settings/settings.ts';
import { readSettings, trainerOfEndpoint } from '../../src/training/settings/wire.ts';

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

  it.each([10, 20])('%i photos may be trained with', (photoCount) => {
    expect(() => assertDatasetReady(photoCount)).not.toThrow();
  });

  it.each([9, 21])('%i photos may not', (photoCount) => {
    expect(() => assertDatasetReady(photoCount)).toThrow(new DatasetNotReadyError(readinessOf(photoCount)));
  });
});

describe('the input of startTraining', () => {
  const parse = (input: object, mode: 'LIVE' | 'SIMULATED' = 'LIVE') => parseInput(startTrainingInput(mode), input);

  it('is BALANCED unless told otherwise', () => {
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

describe('trainerIssues', () => {
  it.each([
    ['PORTRAIT', undefined, []],
    ['PORTRAIT', 'fluxLoraPortraitTrainer', []],
    ['STYLE', 'fluxProTrainer', []],
    [
      'PORTRAIT',
      'fluxProTrainer',
      [{ path: 'settings.fluxProTrainer', message: 'A portrait is trained by fluxLoraPortraitTrainer.' }],
    ],
    [
      'STYLE',
      'fluxLoraPortraitTrainer',
      [{ path: 'settings.fluxLoraPortraitTrainer', message: 'A style is trained by fluxProTrainer.' }],
    ],
  ] as const)('%s by %s', (kind, named, issues) => {
    expect(trainerIssues(kind, named)).toEqual(issues);
  });
});

describe('presets, exactly', () => {
  it.each([
    ['FAST', { steps: 1000, learningRate: 0.0002, createMasks: false }],
    ['BALANCED', { steps: 2500, learningRate: 0.00009, createMasks: true }],
    ['QUALITY', { steps: 4000, learningRate: 0.00005, createMasks: true }],
  ] as const)('a portrait %s', (preset, numbers) => {
    expect(presetSettings('fluxLoraPortraitTrainer', preset)).toEqual({
      trainer: 'fluxLoraPortraitTrainer',
      ...numbers,
      multiresolutionTraining: true,
      subjectCrop: true,
      triggerPhrase: null,
    });
  });

  it.each([
    ['FAST', { iterations: 150, finetuneType: 'lora', loraRank: 16, learningRate: 0.0001, priority: 'speed' }],
    ['BALANCED', { iterations: 300, finetuneType: 'full', loraRank: 32, learningRate: 0.00001, priority: 'quality' }],
    ['QUALITY', { iterations: 600, finetuneType: 'full', loraRank: 32, learningRate: 0.00001, priority: 'quality' }],
  ] as const)('a style %s', (preset, numbers) => {
    expect(presetSettings('fluxProTrainer', preset)).toEqual({
      trainer: 'fluxProTrainer',
      ...numbers,
      mode: 'style',
      captioning: true,
      triggerWord: null,
      comment: null,
    });
  });
});

describe('settings at fal', () => {
  const portrait = {
    ...presetSettings('fluxLoraPortraitTrainer', 'BALANCED'),
    triggerPhrase: 'TOK_ada',
  } as TrainingSettings;
  const style = {
    ...presetSettings('fluxProTrainer', 'BALANCED'),
    triggerWord: 'INK',
    comment: 'Ink',
  } as TrainingSettings;

  it('have fal’s names and nothing that the endpoint does not take', () => {
    expect(checkedInput(portrait)).toEqual({
      input: {
        trigger_phrase: 'TOK_ada',
        steps: 2500,
        learning_rate: 0.00009,
        multiresolution_training: true,
        subject_crop: true,
        create_masks: true,
      },
    });
    expect(checkedInput(style)).toEqual({
      input: {
        finetune_comment: 'Ink',
        mode: 'style',
        iterations: 300,
        priority: 'quality',
        captioning: true,
        trigger_word: 'INK',
        lora_rank: 32,
        finetune_type: 'full',
        learning_rate: 0.00001,
      },
    });
  });

  it('are read back as they were', () => {
    for (const [endpoint, settings] of [
      ['fal-ai/flux-lora-portrait-trainer', portrait],
      ['fal-ai/flux-pro-trainer', style],
    ] as const) {
      const checked = checkedInput(settings);
      expect(readSettings(endpoint, 'input' in checked && checked.input)).toEqual(settings);
    }
    expect(readSettings('fal-ai/flux-lora-portrait-trainer', { steps: 1 })).toMatchObject({ triggerPhrase: null });
    expect(() => readSettings('fal-ai/flux-lora', {})).toThrow('fal-ai/flux-lora trains nothing.');
    expect(() => trainerOfEndpoint('')).toThrow(TypeError);
  });

  it.each([
    [portrait, { steps: 0 }, 'steps', 'Takes 1 to 10000.'],
    [portrait, { steps: 10_001 }, 'steps', 'Takes 1 to 10000.'],
    [portrait, { learningRate: 0.0000009 }, 'learningRate', 'Takes 0.000001 to 0.001.'],
    [portrait, { learningRate: 0.0011 }, 'learningRate', 'Takes 0.000001 to 0.001.'],
    [style, { iterations: 99 }, 'iterations', 'Takes 100 to 1000.'],
    [style, { loraRank: 24 }, 'loraRank', 'Takes 16 or 32.'],
    [style, { learningRate: 0.1 }, 'learningRate', 'Takes 0.000001 to 0.005.'],
  ])('%#: %o is refused', (settings, change, name, message) => {
    const path = `settings.${settings.trainer}.${name}`;
    expect(checkedInput({ ...settings, ...change })).toEqual({ issues: [{ path, message }] });
  });

  it.each([
    [portrait, { steps: 1, learningRate: 0.000001 }],
    [portrait, { steps: 10_000, learningRate: 0.001 }],
    [style, { iterations: 100, loraRank: 16 }],
    [style, { iterations: 1000 }],
  ])('%#: %o is taken', (settings, change) => {
    expect(checkedInput({ ...settings, ...change })).toHaveProperty('input');
  });

  it.each([
    ['fluxLoraPortraitTrainer', 'learning_rate', 'settings.fluxLoraPortraitTrainer.learningRate'],
    ['fluxProTrainer', 'finetune_comment', 'settings.fluxProTrainer.comment'],
    ['fluxProTrainer', 'trigger_word', 'triggerWord'],
    ['fluxLoraPortraitTrainer', 'trigger_phrase', 'triggerPhrase'],
    ['fluxLoraPortraitTrainer', 'images_data_url', 'photos'],
    ['fluxProTrainer', 'data_url', 'photos'],
    ['fluxProTrainer', 'something_new', 'something_new'],
  ] as const)('%s: fal’s %s is %s', (trainer, falField, name) => {
    expect(fieldName(trainer, falField, 'photos')).toBe(name);
  });

  it('say which archive fal refused', () => {
    expect(fieldName('fluxProTrainer', 'data_url', 'datasetUrl')).toBe('datasetUrl');
  });

  it('have a range only where there is one', () => {
    expect(() => rangeOf('fluxProTrainer', 'steps')).toThrow('fluxProTrainer has no steps.');
  });
});
