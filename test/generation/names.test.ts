import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { range } from '../../src/fal/range.ts';
import { fieldName, rangeOf } from '../../src/generation/settings/names.ts';
import { type Model, modelOf } from '../../src/generation/settings/settings.ts';

describe('fieldName', () => {
  const names: [Model, string, string][] = [
    ['fluxLora', 'prompt', 'prompt'],
    ['fluxLora', 'num_images', 'numImages'],
    ['fluxLora', 'seed', 'seed'],
    ['fluxLora', 'output_format', 'outputFormat'],
    ['fluxLora', 'loras', 'avatarId'],
    ['fluxLora', 'loras.0.path', 'avatarId'],
    ['fluxLora', 'loras.0.scale', 'settings.fluxLora.loraScale'],
    ['fluxLora', 'image_size', 'settings.fluxLora.imageSize'],
    ['fluxLora', 'image_size.width', 'settings.fluxLora.imageSize.width'],
    ['fluxLora', 'acceleration', 'settings.fluxLora.acceleration'],
    ['fluxProFinetuned', 'finetune_id', 'avatarId'],
    ['fluxProFinetuned', 'finetune_strength', 'settings.fluxProFinetuned.finetuneStrength'],
    ['fluxProFinetuned', 'num_inference_steps', 'settings.fluxProFinetuned.numInferenceSteps'],
    ['fluxProUltraFinetuned', 'image_url', 'settings.fluxProUltraFinetuned.referenceImageUrl'],
    ['fluxProUltraFinetuned', 'image_prompt_strength', 'settings.fluxProUltraFinetuned.referenceImageStrength'],
    ['fluxProUltraFinetuned', 'enable_safety_checker', 'enable_safety_checker'],
    ['fluxLora', 'something_new.0', 'something_new.0'],
  ];
  it.each(names)('of %s: %s is %s', (model, falField, name) => {
    expect(fieldName(model, falField)).toBe(name);
  });
});

describe('rangeOf', () => {
  it('tells a range', () => {
    expect(rangeOf('fluxLora', 'loraScale')).toBe('0 to 4');
    expect(rangeOf('fluxProFinetuned', 'safetyTolerance')).toBe('1 to 6');
  });

  it('knows no setting of another model', () => {
    expect(() => rangeOf('fluxLora', 'aspectRatio')).toThrow('fluxLora has no aspectRatio.');
  });
});

describe('range', () => {
  const schema = z.object({
    list: z.array(z.number().min(1).max(2)),
    word: z.enum(['a', 'b']).optional(),
    text: z.string(),
  });
  it.each([
    ['list.0', '1 to 2'],
    ['word', 'a, b'],
    ['text', 'another value'],
    ['nothing', 'another value'],
  ])('at %s', (path, expected) => {
    expect(range(schema, path.split('.'))).toBe(expected);
  });
});

describe('modelOf', () => {
  it('knows no model of an endpoint that trains', () => {
    expect(() => modelOf('fal-ai/flux-pro-trainer')).toThrow('fal-ai/flux-pro-trainer draws no pictures.');
  });
});
