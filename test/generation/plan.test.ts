import { describe, expect, it } from 'vitest';
import type { Avatar, GenerationPreset } from '../../prisma/generated/client/client.ts';
import type { FalMode } from '../../src/fal/url.ts';
import { type GenerationInput, generationWarnings, planDrawing, typicalSeconds } from '../../src/generation/plan.ts';
import { presetDescriptions } from '../../src/generation/presets.ts';
import { readSettings } from '../../src/generation/settings.ts';
import { InvalidInputError } from '../../src/refusal/invalid-input.ts';

const path = 'https://v3.fal.media/files/ada.safetensors';
const portrait = {
  kind: 'PORTRAIT',
  triggerPhrase: 'TOK_ada',
  triggerWord: null,
  diffusersLoraFileUrl: path,
  finetuneId: null,
} as Avatar;
const style = {
  kind: 'STYLE',
  triggerPhrase: null,
  triggerWord: 'TOK_ink',
  diffusersLoraFileUrl: null,
  finetuneId: 'finetune-ink',
} as Avatar;

const plan = (avatar: Avatar, asked: Partial<GenerationInput>, mode: FalMode = 'LIVE') =>
  planDrawing(avatar, { prompt: 'a knight', ...asked }, mode);

/** The table of numbers.md: steps, guidance, size, strength, tolerance. */
const table: [GenerationPreset | null, number, number, string, number, string][] = [
  [null, 28, 3.5, 'square_hd', 1.0, '2'],
  ['FAST', 20, 3.0, 'square', 0.8, '2'],
  ['BALANCED', 28, 3.5, 'square_hd', 1.0, '2'],
  ['QUALITY', 50, 4.0, 'square_hd', 1.2, '2'],
  ['PORTRAIT', 35, 3.5, 'portrait_4_3', 1.1, '2'],
  ['LANDSCAPE', 30, 3.5, 'landscape_4_3', 1.0, '2'],
  ['ARTISTIC', 35, 4.0, 'square_hd', 1.3, '3'],
  ['PHOTOREALISTIC', 40, 3.5, 'square_hd', 0.9, '2'],
];

const drawing = { num_images: 1, output_format: 'jpeg' };

describe('planDrawing', () => {
  it.each(table)('sends flux-lora the numbers of %s for a portrait', (preset, steps, guidance, size, strength) => {
    expect(plan(portrait, { preset })).toEqual({
      endpoint: 'fal-ai/flux-lora',
      prompt: 'a knight',
      finalPrompt: 'TOK_ada a knight',
      generationPreset: preset,
      units: 1,
      input: {
        ...drawing,
        prompt: 'TOK_ada a knight',
        loras: [{ path, scale: strength }],
        image_size: size,
        num_inference_steps: steps,
        guidance_scale: guidance,
        enable_safety_checker: true,
        acceleration: 'none',
      },
    });
  });

  it.each(
    table.slice(1),
  )('sends flux-pro/finetuned the numbers of %s for a style', (preset, steps, guidance, size, strength, tolerance) => {
    expect(plan(style, { preset })).toEqual({
      endpoint: 'fal-ai/flux-pro/finetuned',
      prompt: 'a knight',
      finalPrompt: 'TOK_ink a knight',
      generationPreset: preset,
      units: 1,
      input: {
        ...drawing,
        prompt: 'TOK_ink a knight',
        finetune_id: 'finetune-ink',
        finetune_strength: strength,
        image_size: size,
        num_inference_steps: steps,
        guidance_scale: guidance,
        safety_tolerance: tolerance,
      },
    });
  });

  it.each(['ULTRA', null] as const)('sends ultra the numbers of ULTRA for a style with preset %s', (preset) => {
    expect(plan(style, { preset })).toMatchObject({
      endpoint: 'fal-ai/flux-pro/v1.1-ultra-finetuned',
      generationPreset: preset,
    });
    expect(plan(style, { preset }).input).toEqual({
      ...drawing,
      prompt: 'TOK_ink a knight',
      finetune_id: 'finetune-ink',
      finetune_strength: 1.1,
      aspect_ratio: '1:1',
      safety_tolerance: '2',
      enable_safety_checker: true,
      raw: false,
      enhance_prompt: false,
    });
  });

  it('replaces only the settings that the caller gave', () => {
    const settings = {
      fluxLora: {
        loraScale: 0.5,
        imageSize: { width: 300, height: 2048 },
        numInferenceSteps: 1,
        guidanceScale: 0,
        enableSafetyChecker: false,
        acceleration: 'regular' as const,
      },
    };
    const { input } = plan(portrait, { preset: 'FAST', settings, numImages: 4, seed: 0, outputFormat: 'png' });
    expect(input).toEqual({
      prompt: 'TOK_ada a knight',
      num_images: 4,
      seed: 0,
      output_format: 'png',
      loras: [{ path, scale: 0.5 }],
      image_size: { width: 300, height: 2048 },
      num_inference_steps: 1,
      guidance_scale: 0,
      enable_safety_checker: false,
      acceleration: 'regular',
    });
    const one = plan(portrait, { preset: 'FAST', settings: { fluxLora: { loraScale: 0.5, imageSize: null } } });
    expect(one.input).toMatchObject({ loras: [{ path, scale: 0.5 }], image_size: 'square', num_inference_steps: 20 });
  });

  it('treats null as absent', () => {
    const named = { preset: 'square', width: null, height: null } as const;
    const sides = { preset: null, width: 300, height: 400 };
    expect(plan(portrait, { settings: { fluxLora: { imageSize: named } } }).input).toMatchObject({
      image_size: 'square',
    });
    expect(plan(portrait, { settings: { fluxLora: { imageSize: sides } } }).input).toMatchObject({
      image_size: { width: 300, height: 400 },
    });
  });

  it('takes the numbers of BALANCED for flux-pro/finetuned with no preset', () => {
    const { endpoint, input } = plan(style, { settings: { fluxProFinetuned: { safetyTolerance: 6 } } });
    expect(endpoint).toBe('fal-ai/flux-pro/finetuned');
    expect(input).toMatchObject({ finetune_strength: 1, num_inference_steps: 28, safety_tolerance: '6' });
  });

  it('sends ultra every setting it has', () => {
    const fluxProUltraFinetuned = {
      finetuneStrength: 2,
      aspectRatio: '21:9' as const,
      safetyTolerance: 1,
      raw: true,
      enhancePrompt: true,
      referenceImageUrl: new URL('https://example.com/a.png'),
      referenceImageStrength: 0,
    };
    const { endpoint, input } = plan(style, {
      settings: { fluxProUltraFinetuned },
      numImages: 4,
      outputFormat: 'png',
      seed: 7,
    });
    expect(input).toEqual({
      prompt: 'TOK_ink a knight',
      num_images: 4,
      seed: 7,
      output_format: 'png',
      finetune_id: 'finetune-ink',
      finetune_strength: 2,
      aspect_ratio: '21:9',
      safety_tolerance: '1',
      enable_safety_checker: true,
      raw: true,
      enhance_prompt: true,
      image_url: 'https://example.com/a.png',
      image_prompt_strength: 0,
    });
    expect(readSettings(endpoint, input)).toEqual({
      ...fluxProUltraFinetuned,
      referenceImageUrl: 'https://example.com/a.png',
      model: 'fluxProUltraFinetuned',
      enableSafetyChecker: true,
      numImages: 4,
      outputFormat: 'png',
      seed: 7,
    });
  });

  it('treats null as absent in every field', () => {
    const nothing = { numImages: null, seed: null, outputFormat: null, settings: { fluxLora: null }, preset: null };
    expect(plan(portrait, nothing)).toEqual(plan(portrait, {}));
  });
});

describe('planDrawing refuses', () => {
  const lora = (fluxLora: NonNullable<NonNullable<GenerationInput['settings']>['fluxLora']>) => ({
    settings: { fluxLora },
  });
  const finetuned = (values: NonNullable<NonNullable<GenerationInput['settings']>['fluxProFinetuned']>) => ({
    settings: { fluxProFinetuned: values },
  });
  const ultra = (values: NonNullable<NonNullable<GenerationInput['settings']>['fluxProUltraFinetuned']>) => ({
    settings: { fluxProUltraFinetuned: values },
  });
  const cases: [string, Avatar, Partial<GenerationInput>, string, string][] = [
    ['no image', portrait, { numImages: 0 }, 'numImages', 'Takes 1 to 4.'],
    ['five images', portrait, { numImages: 5 }, 'numImages', 'Takes 1 to 4.'],
    ['a negative seed', portrait, { seed: -1 }, 'seed', 'Takes 0 to 2147483647.'],
    ['an empty prompt', portrait, { prompt: ' ' }, 'prompt', 'Say what to draw.'],
    [
      'a long prompt',
      portrait,
      { prompt: 'x'.repeat(993) },
      'prompt',
      'Takes 1 to 1000 characters with the trigger; this has 1001.',
    ],
    [
      'ULTRA on a portrait',
      portrait,
      { preset: 'ULTRA' },
      'preset',
      'ULTRA draws styles only. Choose another preset for a portrait.',
    ],
    ['two of ULTRA', style, { preset: 'ULTRA', numImages: 2 }, 'numImages', 'ULTRA draws one picture.'],
    ['a PNG of ULTRA', style, { preset: 'ULTRA', outputFormat: 'png' }, 'outputFormat', 'ULTRA draws a JPEG.'],
    ['a low scale', portrait, lora({ loraScale: -0.1 }), 'settings.fluxLora.loraScale', 'Takes 0 to 4.'],
    ['a high scale', portrait, lora({ loraScale: 4.1 }), 'settings.fluxLora.loraScale', 'Takes 0 to 4.'],
    ['no steps', portrait, lora({ numInferenceSteps: 0 }), 'settings.fluxLora.numInferenceSteps', 'Takes 1 to 50.'],
    ['51 steps', portrait, lora({ numInferenceSteps: 51 }), 'settings.fluxLora.numInferenceSteps', 'Takes 1 to 50.'],
    ['guidance under 0', portrait, lora({ guidanceScale: -1 }), 'settings.fluxLora.guidanceScale', 'Takes 0 to 35.'],
    ['guidance over 35', portrait, lora({ guidanceScale: 36 }), 'settings.fluxLora.guidanceScale', 'Takes 0 to 35.'],
    [
      '255 pixels',
      portrait,
      lora({ imageSize: { width: 255, height: 512 } }),
      'settings.fluxLora.imageSize.width',
      'Takes 256 to 2048.',
    ],
    [
      '2049 pixels',
      portrait,
      lora({ imageSize: { width: 512, height: 2049 } }),
      'settings.fluxLora.imageSize.height',
      'Takes 256 to 2048.',
    ],
    [
      'a width alone',
      portrait,
      lora({ imageSize: { width: 512 } }),
      'settings.fluxLora.imageSize',
      'Takes a preset, or width and height.',
    ],
    [
      'an empty size',
      portrait,
      lora({ imageSize: {} }),
      'settings.fluxLora.imageSize',
      'Takes a preset, or width and height.',
    ],
    [
      'both sizes',
      portrait,
      lora({ imageSize: { preset: 'square', width: 512, height: 512 } }),
      'settings.fluxLora.imageSize',
      'Takes a preset, or width and height.',
    ],
    [
      'strength over 2',
      style,
      finetuned({ finetuneStrength: 2.1 }),
      'settings.fluxProFinetuned.finetuneStrength',
      'Takes 0 to 2.',
    ],
    [
      'guidance under 1',
      style,
      finetuned({ guidanceScale: 0.9 }),
      'settings.fluxProFinetuned.guidanceScale',
      'Takes 1 to 20.',
    ],
    [
      'guidance over 20',
      style,
      finetuned({ guidanceScale: 20.1 }),
      'settings.fluxProFinetuned.guidanceScale',
      'Takes 1 to 20.',
    ],
    [
      '51 steps of a style',
      style,
      finetuned({ numInferenceSteps: 51 }),
      'settings.fluxProFinetuned.numInferenceSteps',
      'Takes 1 to 50.',
    ],
    [
      'tolerance 0',
      style,
      finetuned({ safetyTolerance: 0 }),
      'settings.fluxProFinetuned.safetyTolerance',
      'Takes 1 to 6.',
    ],
    [
      'tolerance 7',
      style,
      ultra({ safetyTolerance: 7 }),
      'settings.fluxProUltraFinetuned.safetyTolerance',
      'Takes 1 to 6.',
    ],
    [
      'negative strength',
      style,
      ultra({ finetuneStrength: -0.1 }),
      'settings.fluxProUltraFinetuned.finetuneStrength',
      'Takes 0 to 2.',
    ],
    [
      'a reference over 1',
      style,
      ultra({ referenceImageStrength: 1.1 }),
      'settings.fluxProUltraFinetuned.referenceImageStrength',
      'Takes 0 to 1.',
    ],
    [
      'http',
      style,
      ultra({ referenceImageUrl: new URL('http://example.com/a.png') }),
      'settings.fluxProUltraFinetuned.referenceImageUrl',
      'Only https is taken, not http.',
    ],
    [
      'a file',
      style,
      ultra({ referenceImageUrl: new URL('file:///etc/passwd') }),
      'settings.fluxProUltraFinetuned.referenceImageUrl',
      'Only https is taken, not file.',
    ],
    [
      'another kind’s model',
      style,
      lora({}),
      'settings.fluxLora',
      'A style draws with fluxProUltraFinetuned or fluxProFinetuned.',
    ],
  ];
  it.each(cases)('%s', (_what, avatar, asked, at, message) => {
    expect(issuesOf(avatar, asked)).toEqual([{ path: at, message }]);
  });

  it('with every issue at once', () => {
    const asked = {
      prompt: '',
      seed: -1,
      numImages: 9,
      ...lora({ loraScale: 9, imageSize: { width: 1, height: 9999 } }),
    };
    expect(issuesOf(portrait, asked).map((issue) => issue.path)).toEqual([
      'prompt',
      'seed',
      'numImages',
      'settings.fluxLora.loraScale',
      'settings.fluxLora.imageSize.width',
      'settings.fluxLora.imageSize.height',
    ]);
  });

  it('http only while fal is live', () => {
    const asked = ultra({ referenceImageUrl: new URL('http://127.0.0.1:4010/a.png') });
    expect(plan(style, asked, 'SIMULATED').input).toMatchObject({ image_url: 'http://127.0.0.1:4010/a.png' });
  });
});

type Given = NonNullable<GenerationInput['settings']>;
const lora = (fluxLora: NonNullable<Given['fluxLora']>) => ({ fluxLora });
const finetuned = (fluxProFinetuned: NonNullable<Given['fluxProFinetuned']>) => ({ fluxProFinetuned });

describe('typicalSeconds', () => {
  const cases: [Avatar, GenerationPreset | null, Given | undefined, number, number][] = [
    [portrait, null, undefined, 25, 35],
    [style, null, undefined, 60, 90],
    [style, 'ULTRA', undefined, 60, 90],
    // No preset, and a model that then draws with the numbers of BALANCED.
    [style, null, finetuned({}), 25, 35],
    [style, null, finetuned({ numInferenceSteps: 50 }), 40, 60],
    ...([portrait, style] as const).flatMap((avatar): [Avatar, GenerationPreset, undefined, number, number][] => [
      [avatar, 'FAST', undefined, 15, 25],
      [avatar, 'BALANCED', undefined, 25, 35],
      [avatar, 'QUALITY', undefined, 40, 60],
      [avatar, 'PORTRAIT', undefined, 30, 45],
      [avatar, 'LANDSCAPE', undefined, 25, 40],
      [avatar, 'ARTISTIC', undefined, 30, 45],
      [avatar, 'PHOTOREALISTIC', undefined, 35, 50],
    ]),
    [portrait, 'QUALITY', lora({ numInferenceSteps: 1 }), 15, 25],
    [portrait, 'FAST', lora({ numInferenceSteps: 49 }), 40, 60],
    // As near to the 20 steps of FAST as to the 28 of BALANCED.
    [portrait, 'FAST', lora({ numInferenceSteps: 24 }), 25, 35],
  ];
  it.each(cases)('%#: of $kind with %s', (avatar, preset, settings, min, max) => {
    const { endpoint, input } = plan(avatar, { preset, settings });
    expect(typicalSeconds(readSettings(endpoint, input))).toEqual({ min, max });
  });
});

describe('generationWarnings', () => {
  const off = 'The safety checker is off: every picture is shown and paid, whatever it shows.';
  const presets = Object.keys(presetDescriptions) as GenerationPreset[];
  const cases: [Avatar, GenerationPreset | null, Given | undefined, string[]][] = [
    [portrait, null, undefined, []],
    [style, null, undefined, []],
    // No preset warns about its own numbers.
    ...presets
      .filter((preset) => preset !== 'ULTRA')
      .map((preset): (typeof cases)[number] => [portrait, preset, undefined, []]),
    ...presets.map((preset): (typeof cases)[number] => [style, preset, undefined, []]),
    [portrait, 'ARTISTIC', lora({ loraScale: 1.3 }), []],
    [portrait, 'ARTISTIC', lora({ loraScale: 1.4 }), ['loraScale 1.4 is over 1.2: the picture may be overdrawn.']],
    [portrait, null, lora({ loraScale: 1.3 }), ['loraScale 1.3 is over 1.2: the picture may be overdrawn.']],
    [portrait, null, lora({ loraScale: 0.7 }), ['loraScale 0.7 is under 0.8: the avatar may hardly show.']],
    [portrait, null, lora({ loraScale: 0.8 }), []],
    [portrait, null, lora({ loraScale: 1.2 }), []],
    [
      style,
      null,
      finetuned({ finetuneStrength: 0.9 }),
      ['finetuneStrength 0.9 is under 1: the avatar may hardly show.'],
    ],
    [
      style,
      null,
      { fluxProUltraFinetuned: { finetuneStrength: 1.6 } },
      ['finetuneStrength 1.6 is over 1.5: the picture may be overdrawn.'],
    ],
    [portrait, null, lora({ enableSafetyChecker: false }), [off]],
  ];
  it.each(cases)('%#', (avatar, preset, settings, warnings) => {
    const { endpoint, input } = plan(avatar, { preset, settings });
    expect(generationWarnings(readSettings(endpoint, input), preset)).toEqual(warnings);
  });
});

function issuesOf(avatar: Avatar, asked: Partial<GenerationInput>) {
  try {
    plan(avatar, asked);
  } catch (error) {
    if (error instanceof InvalidInputError) return error.issues;
    throw error;
  }
  return [];
}
