/** GraphQL: the settings that a caller may give; what is left out comes from the preset. */
import { builder } from '../graphql/builder.ts';
import { descriptions } from './settings/descriptions.ts';
import { rangeOf } from './settings/names.ts';
import type { Model } from './settings/settings.ts';
import { Acceleration, AspectRatio, ImageSizePreset } from './settings-values.graphql.ts';

type Numeric =
  | 'loraScale'
  | 'finetuneStrength'
  | 'numInferenceSteps'
  | 'guidanceScale'
  | 'safetyTolerance'
  | 'referenceImageStrength';

/** With the range that the endpoint takes. */
const ranged = (model: Model, setting: Numeric) => `${descriptions[setting]} Takes ${rangeOf(model, setting)}.`;

const ImageSizeInput = builder.inputType('ImageSizeInput', {
  description: 'One of fal’s named sizes, or width and height in pixels: the one or the other.',
  fields: (t) => ({
    preset: t.field({ type: ImageSizePreset, description: 'One of fal’s named sizes.' }),
    width: t.int({ description: 'Pixels, 256 to 2048. Goes with height.' }),
    height: t.int({ description: 'Pixels, 256 to 2048. Goes with width.' }),
  }),
});

const FluxLoraInput = builder.inputType('FluxLoraInput', {
  description: 'Settings of fal-ai/flux-lora, which draws portraits.',
  fields: (t) => ({
    loraScale: t.float({ description: ranged('fluxLora', 'loraScale') }),
    imageSize: t.field({ type: ImageSizeInput, description: descriptions.imageSize }),
    numInferenceSteps: t.int({ description: ranged('fluxLora', 'numInferenceSteps') }),
    guidanceScale: t.float({ description: ranged('fluxLora', 'guidanceScale') }),
    enableSafetyChecker: t.boolean({ description: descriptions.enableSafetyChecker }),
    acceleration: t.field({ type: Acceleration, description: descriptions.acceleration }),
  }),
});

const FluxProFinetunedInput = builder.inputType('FluxProFinetunedInput', {
  description: 'Settings of fal-ai/flux-pro/finetuned, which draws styles in steps.',
  fields: (t) => ({
    finetuneStrength: t.float({ description: ranged('fluxProFinetuned', 'finetuneStrength') }),
    imageSize: t.field({ type: ImageSizeInput, description: descriptions.imageSize }),
    numInferenceSteps: t.int({ description: ranged('fluxProFinetuned', 'numInferenceSteps') }),
    guidanceScale: t.float({ description: ranged('fluxProFinetuned', 'guidanceScale') }),
    safetyTolerance: t.int({ description: ranged('fluxProFinetuned', 'safetyTolerance') }),
  }),
});

const FluxProUltraFinetunedInput = builder.inputType('FluxProUltraFinetunedInput', {
  description: 'Settings of fal-ai/flux-pro/v1.1-ultra-finetuned, which draws the largest pictures of styles.',
  fields: (t) => ({
    finetuneStrength: t.float({ description: ranged('fluxProUltraFinetuned', 'finetuneStrength') }),
    aspectRatio: t.field({ type: AspectRatio, description: descriptions.aspectRatio }),
    safetyTolerance: t.int({ description: ranged('fluxProUltraFinetuned', 'safetyTolerance') }),
    raw: t.boolean({ description: descriptions.raw }),
    enhancePrompt: t.boolean({ description: descriptions.enhancePrompt }),
    referenceImageUrl: t.field({ type: 'URL', description: `${descriptions.referenceImageUrl} https only.` }),
    referenceImageStrength: t.float({ description: ranged('fluxProUltraFinetuned', 'referenceImageStrength') }),
  }),
});

export const GenerationSettingsInput = builder.inputType('GenerationSettingsInput', {
  description: 'The settings of one model, which then draws: it must be one that the avatar and the preset allow.',
  isOneOf: true,
  fields: (t) => ({
    fluxLora: t.field({ type: FluxLoraInput, description: 'Portraits, with any preset but ULTRA.' }),
    fluxProFinetuned: t.field({ type: FluxProFinetunedInput, description: 'Styles, with any preset but ULTRA.' }),
    fluxProUltraFinetuned: t.field({
      type: FluxProUltraFinetunedInput,
      description: 'Styles, with ULTRA or no preset.',
    }),
  }),
});
