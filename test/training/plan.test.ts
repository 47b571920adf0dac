import { describe, expect, it } from 'vitest';
import type { Avatar, AvatarKind } from '../../prisma/generated/client/client.ts';
import { InvalidInputError } from '../../src/refusal/invalid-input.ts';
import { planRetry, planSettings, trainingWarnings } from '../../src/training/plan.ts';
import { presetSettings, readSettings, type SettingsInput, trainerOf } from '../../src/training/settings.ts';

const portraitTrainer = trainerOf('fal-ai/flux-lora-portrait-trainer');
const styleTrainer = trainerOf('fal-ai/flux-pro-trainer');
const avatars: Record<AvatarKind, Avatar> = {
  PORTRAIT: { kind: 'PORTRAIT', name: 'Ada', triggerPhrase: 'TOK_ada', triggerWord: null } as Avatar,
  STYLE: { kind: 'STYLE', name: 'Ink', triggerPhrase: null, triggerWord: 'INK' } as Avatar,
};

describe('presets, exactly', () => {
  it.each([
    ['FAST', { steps: 1000, learningRate: 0.0002, createMasks: false }],
    ['BALANCED', { steps: 2500, learningRate: 0.00009, createMasks: true }],
    ['QUALITY', { steps: 4000, learningRate: 0.00005, createMasks: true }],
  ] as const)('a portrait %s', (preset, numbers) => {
    expect(presetSettings(portraitTrainer, preset)).toEqual({
      model: 'fluxLoraPortraitTrainer',
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
    expect(presetSettings(styleTrainer, preset)).toEqual({
      model: 'fluxProTrainer',
      ...numbers,
      mode: 'style',
      captioning: true,
      triggerWord: null,
      comment: null,
    });
  });
});

describe('planSettings', () => {
  it('uses fal’s names and sends only fields that the endpoint accepts', () => {
    expect(planSettings(avatars.PORTRAIT, 'BALANCED', {})).toEqual({
      endpoint: 'fal-ai/flux-lora-portrait-trainer',
      input: {
        trigger_phrase: 'TOK_ada',
        steps: 2500,
        learning_rate: 0.00009,
        multiresolution_training: true,
        subject_crop: true,
        create_masks: true,
      },
    });
    expect(planSettings(avatars.STYLE, 'BALANCED', {})).toEqual({
      endpoint: 'fal-ai/flux-pro-trainer',
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

  it('prefers the caller’s settings to the preset’s and the avatar’s, and treats null as absent', () => {
    const fluxProTrainer = { comment: 'My ink', iterations: 100, mode: null };
    const { endpoint, input } = planSettings(avatars.STYLE, 'FAST', { fluxProTrainer });
    expect(readSettings(endpoint, input)).toEqual({
      ...presetSettings(styleTrainer, 'FAST'),
      comment: 'My ink',
      iterations: 100,
      triggerWord: 'INK',
    });
  });

  it('sends a portrait’s trigger word when it has no phrase', () => {
    const avatar = { ...avatars.PORTRAIT, triggerPhrase: null, triggerWord: 'TOK_word' };
    expect(planSettings(avatar, 'FAST', {}).input).toMatchObject({ trigger_phrase: 'TOK_word' });
  });

  const refused: [AvatarKind, SettingsInput, string, string][] = [
    ['PORTRAIT', { fluxLoraPortraitTrainer: { steps: 0 } }, 'steps', 'Takes 1 to 10000.'],
    ['PORTRAIT', { fluxLoraPortraitTrainer: { steps: 10_001 } }, 'steps', 'Takes 1 to 10000.'],
    ['PORTRAIT', { fluxLoraPortraitTrainer: { learningRate: 9e-7 } }, 'learningRate', 'Takes 0.000001 to 0.001.'],
    ['PORTRAIT', { fluxLoraPortraitTrainer: { learningRate: 0.0011 } }, 'learningRate', 'Takes 0.000001 to 0.001.'],
    ['STYLE', { fluxProTrainer: { iterations: 99 } }, 'iterations', 'Takes 100 to 1000.'],
    ['STYLE', { fluxProTrainer: { loraRank: 24 } }, 'loraRank', 'Takes 16 or 32.'],
    ['STYLE', { fluxProTrainer: { learningRate: 0.1 } }, 'learningRate', 'Takes 0.000001 to 0.005.'],
  ];
  it.each(refused)('refuses a %s with %j', (kind, given, name, message) => {
    const path = `settings.${Object.keys(given)[0]}.${name}`;
    expect(() => planSettings(avatars[kind], 'BALANCED', given)).toThrow(new InvalidInputError([{ path, message }]));
  });

  const taken: [AvatarKind, SettingsInput][] = [
    ['PORTRAIT', { fluxLoraPortraitTrainer: { steps: 1, learningRate: 0.000001 } }],
    ['PORTRAIT', { fluxLoraPortraitTrainer: { steps: 10_000, learningRate: 0.001 } }],
    ['STYLE', { fluxProTrainer: { iterations: 100, loraRank: 16 } }],
    ['STYLE', { fluxProTrainer: { iterations: 1000 } }],
  ];
  it.each(taken)('takes a %s with %j', (kind, given) => {
    expect(() => planSettings(avatars[kind], 'BALANCED', given)).not.toThrow();
  });

  it('refuses the settings of another kind’s trainer', () => {
    const message = 'A style is trained by fluxProTrainer.';
    expect(() => planSettings(avatars.STYLE, 'FAST', { fluxLoraPortraitTrainer: {} })).toThrow(
      new InvalidInputError([{ path: 'settings.fluxLoraPortraitTrainer', message }]),
    );
  });
});

describe('a stored input', () => {
  it.each(['PORTRAIT', 'STYLE'] as const)('of a %s is planned again as it was', (kind) => {
    const plan = planSettings(avatars[kind], 'QUALITY', {});
    expect(planRetry(plan)).toEqual(plan);
  });

  it('is read with fal’s defaults filled in', () => {
    const settings = readSettings('fal-ai/flux-lora-portrait-trainer', { steps: 1 });
    expect(settings).toMatchObject({ steps: 1, learningRate: 0.00009, createMasks: false, triggerPhrase: null });
  });

  it('is read for an endpoint that trains only', () => {
    expect(() => readSettings('fal-ai/flux-lora', {})).toThrow('fal-ai/flux-lora trains nothing.');
    expect(() => trainerOf('')).toThrow(TypeError);
  });
});

describe('trainingWarnings', () => {
  it('names a trainer that fal calls no longer supported', () => {
    expect(trainingWarnings(planSettings(avatars.PORTRAIT, 'FAST', {}), 'FAST')).toEqual([]);
    expect(trainingWarnings(planSettings(avatars.STYLE, 'FAST', {}), 'FAST')).toEqual([
      'fal no longer supports this model: it may disappear at any time.',
    ]);
  });
});
