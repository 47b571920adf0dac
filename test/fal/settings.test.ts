import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { range } from '../../src/fal/range.ts';
import { fieldName } from '../../src/fal/settings.ts';
import { drawingModels } from '../../src/generation/models/models.ts';
import { modelOf } from '../../src/generation/settings.ts';
import { trainers } from '../../src/training/models/models.ts';

type Name = (typeof drawingModels | typeof trainers)[number]['name'];
const modelNamed = (name: Name) => {
  const model = [...drawingModels, ...trainers].find((each) => each.name === name);
  if (model === undefined) throw new Error(name);
  return model;
};

describe('fieldName', () => {
  const names: [Name, string, string][] = [
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
    ['fluxLoraPortraitTrainer', 'learning_rate', 'settings.fluxLoraPortraitTrainer.learningRate'],
    ['fluxProTrainer', 'finetune_comment', 'settings.fluxProTrainer.comment'],
    ['fluxProTrainer', 'trigger_word', 'triggerWord'],
    ['fluxLoraPortraitTrainer', 'trigger_phrase', 'triggerPhrase'],
    ['fluxProTrainer', 'something_new', 'something_new'],
  ];
  it.each(names)('of the model %s maps %s to %s', (model, falField, name) => {
    expect(fieldName(modelNamed(model), falField)).toBe(name);
  });
});

describe('range', () => {
  const schema = z.object({
    list: z.array(z.number().min(1).max(2)),
    word: z.enum(['a', 'b']).optional(),
    text: z.string(),
    numerals: z.enum(['1', '2', '3']).default('1'),
    literals: z.union([z.literal(16), z.literal(32)]).default(32),
  });
  it.each([
    ['list.0', '1 to 2'],
    ['word', 'a, b'],
    ['numerals', '1 to 3'],
    ['literals', '16 or 32'],
    ['text', 'another value'],
    ['nothing', 'another value'],
  ])('describes the values of %s as %s', (path, expected) => {
    expect(range(schema, path.split('.'))).toBe(expected);
  });
});

describe('modelOf', () => {
  it('throws for an endpoint that trains', () => {
    expect(() => modelOf('fal-ai/flux-pro-trainer')).toThrow('fal-ai/flux-pro-trainer draws no pictures.');
  });
});
