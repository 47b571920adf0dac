/** What fal calls a value of its input, and what this API calls it: for what is refused here, and what fal refuses later. */
import type { z } from 'zod';
import { endpoints } from '../../fal/endpoints.ts';
import { range } from '../../fal/range.ts';
import type { InputIssue } from '../../refusal/refusal.ts';
import { endpointOf, type Model } from './settings.ts';

const shared = {
  prompt: 'prompt',
  num_images: 'numImages',
  seed: 'seed',
  output_format: 'outputFormat',
  finetune_id: 'avatarId',
  loras: 'avatarId',
  'loras.0.path': 'avatarId',
};

/** Settings by their names at fal. */
const settings: Record<Model, Record<string, string>> = {
  fluxLora: {
    'loras.0.scale': 'loraScale',
    image_size: 'imageSize',
    num_inference_steps: 'numInferenceSteps',
    guidance_scale: 'guidanceScale',
    enable_safety_checker: 'enableSafetyChecker',
    acceleration: 'acceleration',
  },
  fluxProFinetuned: {
    finetune_strength: 'finetuneStrength',
    image_size: 'imageSize',
    num_inference_steps: 'numInferenceSteps',
    guidance_scale: 'guidanceScale',
    safety_tolerance: 'safetyTolerance',
  },
  fluxProUltraFinetuned: {
    finetune_strength: 'finetuneStrength',
    aspect_ratio: 'aspectRatio',
    safety_tolerance: 'safetyTolerance',
    raw: 'raw',
    enhance_prompt: 'enhancePrompt',
    image_url: 'referenceImageUrl',
    image_prompt_strength: 'referenceImageStrength',
  },
};

/** `image_size.width` of fluxLora is `settings.fluxLora.imageSize.width`. A field without a name of ours keeps fal's. */
export function fieldName(model: Model, falField: string): string {
  const names: Record<string, string> = {
    ...shared,
    ...Object.fromEntries(Object.entries(settings[model]).map(([fal, ours]) => [fal, `settings.${model}.${ours}`])),
  };
  const parts = falField.split('.');
  for (let length = parts.length; length > 0; length--) {
    const name = names[parts.slice(0, length).join('.')];
    if (name !== undefined) return [name, ...parts.slice(length)].join('.');
  }
  return falField;
}

/** `1 to 50`: what a model's endpoint takes for a setting, for messages and descriptions. */
export function rangeOf(model: Model, setting: string): string {
  const falField = Object.entries(settings[model]).find(([, ours]) => ours === setting)?.[0];
  if (falField === undefined) throw new TypeError(`${model} has no ${setting}.`);
  return range(endpoints[endpointOf[model]].input, falField.split('.'));
}

/** What is wrong with an input for fal, in this API's names; nothing when its endpoint takes it. */
export function inputIssues(model: Model, input: Record<string, unknown>): InputIssue[] {
  const schema: z.ZodType = endpoints[endpointOf[model]].input;
  const { error } = schema.safeParse(input);
  return (error?.issues ?? []).map(({ path }) => ({
    path: fieldName(model, path.join('.')),
    message: `Takes ${range(schema, path)}.`,
  }));
}
