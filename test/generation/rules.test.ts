import { describe, expect, it } from 'vitest';
import type { Avatar, AvatarKind, GenerationPreset } from '../../prisma/generated/client/client.ts';
import { fluxProUltraFinetuned } from '../../src/generation/models/flux-pro-ultra-finetuned.ts';
import {
  AvatarNotReadyError,
  AvatarRuleError,
  assertMayGenerate,
  onlyIssues,
  promptIssues,
  routeGeneration,
  seedIssues,
} from '../../src/generation/rules.ts';
import { type ModelName, modelsOfPreset } from '../../src/generation/settings.ts';

const portrait: Avatar = {
  id: '00000000-0000-4000-8000-000000000001',
  ownerId: '00000000-0000-4000-8000-000000000002',
  kind: 'PORTRAIT',
  name: 'Ada',
  status: 'READY',
  isDefault: false,
  triggerPhrase: 'TOK_ada',
  triggerWord: null,
  finetuneId: null,
  diffusersLoraFileUrl: 'https://v3.fal.media/files/ada.safetensors',
  configFileUrl: null,
  loraFileHash: null,
  loraSeenAt: null,
  configFileHash: null,
  createdAt: new Date(0),
  deletedAt: null,
};
const style: Avatar = {
  ...portrait,
  kind: 'STYLE',
  triggerPhrase: null,
  triggerWord: 'TOK_ink',
  diffusersLoraFileUrl: null,
  finetuneId: 'finetune-ink',
};

describe('assertMayGenerate', () => {
  it.each([
    ['portrait', portrait],
    ['style', style],
  ] as const)('lets a %s with its model', (_kind, avatar) => {
    expect(() => assertMayGenerate(avatar)).not.toThrow();
  });

  it.each(['DRAFT', 'TRAINING', 'FAILED'] as const)('refuses one that is %s, with its status', (status) => {
    const refusal = refusalOf({ ...portrait, status, diffusersLoraFileUrl: null });
    expect(refusal).toBeInstanceOf(AvatarNotReadyError);
    expect(refusal).toMatchObject({ name: 'AvatarNotReadyError', avatarStatus: status });
    expect((refusal as Error).message).toMatch(/train/i);
  });

  it.each([
    ['a portrait without its LoRA file', { ...portrait, diffusersLoraFileUrl: null }, ['PORTRAIT_LACKS_LORA_FILE']],
    ['a portrait with a finetune id', { ...portrait, finetuneId: 'f' }, ['PORTRAIT_HAS_FINETUNE_ID']],
    ['a style without its finetune id', { ...style, finetuneId: null }, ['STYLE_LACKS_FINETUNE_ID']],
    ['a style with a LoRA file', { ...style, diffusersLoraFileUrl: 'https://x/y' }, ['STYLE_HAS_LORA_FILE']],
    [
      'a style with the model of a portrait',
      { ...style, diffusersLoraFileUrl: 'https://x/y', finetuneId: null },
      ['STYLE_HAS_LORA_FILE', 'STYLE_LACKS_FINETUNE_ID'],
    ],
  ])('refuses %s, with what it breaks', (_what, avatar, codes) => {
    const refusal = refusalOf(avatar);
    expect(refusal).toBeInstanceOf(AvatarRuleError);
    expect((refusal as AvatarRuleError).findings.map(({ code }) => code)).toEqual(codes);
    expect((refusal as AvatarRuleError).message).toContain((refusal as AvatarRuleError).findings[0]?.message);
  });
});

function refusalOf(avatar: Avatar): unknown {
  try {
    assertMayGenerate(avatar);
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('routeGeneration', () => {
  const stepped: GenerationPreset[] = [
    'FAST',
    'BALANCED',
    'QUALITY',
    'PORTRAIT',
    'LANDSCAPE',
    'ARTISTIC',
    'PHOTOREALISTIC',
  ];
  const taken: [AvatarKind, GenerationPreset | null, ModelName | undefined, ModelName][] = [
    ['PORTRAIT', null, undefined, 'fluxLora'],
    ['PORTRAIT', null, 'fluxLora', 'fluxLora'],
    ['STYLE', null, undefined, 'fluxProUltraFinetuned'],
    ['STYLE', null, 'fluxProUltraFinetuned', 'fluxProUltraFinetuned'],
    ['STYLE', null, 'fluxProFinetuned', 'fluxProFinetuned'],
    ['STYLE', 'ULTRA', undefined, 'fluxProUltraFinetuned'],
    ['STYLE', 'ULTRA', 'fluxProUltraFinetuned', 'fluxProUltraFinetuned'],
    ...stepped.flatMap((preset): [AvatarKind, GenerationPreset, ModelName | undefined, ModelName][] => [
      ['PORTRAIT', preset, undefined, 'fluxLora'],
      ['PORTRAIT', preset, 'fluxLora', 'fluxLora'],
      ['STYLE', preset, undefined, 'fluxProFinetuned'],
      ['STYLE', preset, 'fluxProFinetuned', 'fluxProFinetuned'],
    ]),
  ];
  it.each(taken)('%s with %s and settings of %s draws with %s', (kind, preset, named, model) => {
    expect(routeGeneration(kind, preset, named)).toMatchObject({ model: { name: model } });
  });

  const refused: [AvatarKind, GenerationPreset | null, ModelName | undefined, string][] = [
    ['PORTRAIT', 'ULTRA', undefined, 'preset'],
    ['PORTRAIT', 'ULTRA', 'fluxLora', 'preset'],
    ['PORTRAIT', 'ULTRA', 'fluxProUltraFinetuned', 'preset'],
    ['PORTRAIT', null, 'fluxProFinetuned', 'settings.fluxProFinetuned'],
    ['PORTRAIT', null, 'fluxProUltraFinetuned', 'settings.fluxProUltraFinetuned'],
    ['PORTRAIT', 'FAST', 'fluxProFinetuned', 'settings.fluxProFinetuned'],
    ['STYLE', null, 'fluxLora', 'settings.fluxLora'],
    ['STYLE', 'ULTRA', 'fluxLora', 'settings.fluxLora'],
    ['STYLE', 'ULTRA', 'fluxProFinetuned', 'settings.fluxProFinetuned'],
    ['STYLE', 'FAST', 'fluxLora', 'settings.fluxLora'],
    ['STYLE', 'FAST', 'fluxProUltraFinetuned', 'settings.fluxProUltraFinetuned'],
  ];
  it.each(refused)('%s with %s and settings of %s is refused at %s', (kind, preset, named, path) => {
    expect(routeGeneration(kind, preset, named)).toMatchObject({ issue: { path } });
  });

  it('says what would be taken instead', () => {
    const message = (...of: Parameters<typeof routeGeneration>) =>
      (routeGeneration(...of) as { issue: { message: string } }).issue.message;
    expect(message('STYLE', null, 'fluxLora')).toBe('A style draws with fluxProUltraFinetuned or fluxProFinetuned.');
    expect(message('STYLE', 'FAST', 'fluxProUltraFinetuned')).toBe('The preset FAST draws with fluxProFinetuned.');
    expect(message('PORTRAIT', 'ULTRA', undefined)).toContain('ULTRA draws styles only');
  });

  it('has every model for no preset', () => {
    expect(modelsOfPreset(null).map(({ name }) => name)).toEqual([
      'fluxLora',
      'fluxProUltraFinetuned',
      'fluxProFinetuned',
    ]);
  });
});

describe('promptIssues', () => {
  const fox = '🦊';
  it.each([
    ['a word', 'x', 'TOK x', []],
    ['1000 characters with the trigger', 'x'.repeat(996), `TOK ${'x'.repeat(996)}`, []],
    [
      '1001 with the trigger',
      'x'.repeat(997),
      `TOK ${'x'.repeat(997)}`,
      ['Takes 1 to 1000 characters with the trigger; this has 1001.'],
    ],
    ['1000 characters of which many are emoji', fox.repeat(996), `TOK ${fox.repeat(996)}`, []],
    ['nothing', '', 'TOK ', ['Say what to draw.']],
    ['blanks', ' \n\t\u00a0', 'TOK ', ['Say what to draw.']],
    ['a NUL', 'a\0b', 'TOK a\0b', ['Holds a character that is no text.']],
    ['half a surrogate pair', 'a\ud83e', 'TOK a\ud83e', ['Holds a character that is no text.']],
    ['several lines', 'a\nb', 'TOK a\nb', []],
  ])('of %s', (_what, prompt, finalPrompt, messages) => {
    expect(promptIssues(prompt, finalPrompt)).toEqual(messages.map((message) => ({ path: 'prompt', message })));
  });
});

describe('onlyIssues of ULTRA', () => {
  it.each([
    [1, 'jpeg', []],
    [2, 'jpeg', ['numImages']],
    [1, 'png', ['outputFormat']],
    [4, 'png', ['numImages', 'outputFormat']],
  ] as const)('of %s as %s', (numImages, outputFormat, paths) => {
    const common = { numImages, outputFormat, seed: null };
    expect(onlyIssues(fluxProUltraFinetuned, 'ULTRA', common).map(({ path }) => path)).toEqual(paths);
    expect(onlyIssues(fluxProUltraFinetuned, null, common)).toEqual([]);
  });
});

describe('seedIssues', () => {
  it.each([
    [null, true],
    [0, true],
    [2 ** 31 - 1, true],
    [-1, false],
    [2 ** 31, false],
  ])('of %s', (seed, isTaken) => {
    expect(seedIssues(seed)).toEqual(isTaken ? [] : [{ path: 'seed', message: 'Takes 0 to 2147483647.' }]);
  });
});
