/** What a generation is drawn with, in this API's words. */
import type { GenerationPreset } from '../../../prisma/generated/client/client.ts';
import type { EndpointId } from '../../fal/endpoints.ts';
import { type AspectRatio, type ImageSizeName, steppedPresets, ultraPreset } from '../presets.ts';

/** The models that draw, by the names that this API's settings have for them. */
export const endpointOf = {
  fluxLora: 'fal-ai/flux-lora',
  fluxProFinetuned: 'fal-ai/flux-pro/finetuned',
  fluxProUltraFinetuned: 'fal-ai/flux-pro/v1.1-ultra-finetuned',
} as const satisfies Record<string, EndpointId>;

export type Model = keyof typeof endpointOf;
export const models = Object.keys(endpointOf) as Model[];

/** The model of an endpoint that draws. Throws for any other. */
export function modelOf(endpoint: string): Model {
  const model = models.find((name) => endpointOf[name] === endpoint);
  if (model === undefined) throw new TypeError(`${endpoint} draws no pictures.`);
  return model;
}

/** A name of fal's, or pixels. */
export type ImageSize = ImageSizeName | { width: number; height: number };
export type OutputFormat = 'jpeg' | 'png';

/** What every model takes. */
export type Drawing = { numImages: number; outputFormat: OutputFormat; seed: number | null };

export type FluxLoraSettings = Drawing & {
  model: 'fluxLora';
  loraScale: number;
  imageSize: ImageSize;
  numInferenceSteps: number;
  guidanceScale: number;
  enableSafetyChecker: boolean;
  acceleration: 'none' | 'regular';
};

export type FluxProFinetunedSettings = Drawing & {
  model: 'fluxProFinetuned';
  finetuneStrength: number;
  imageSize: ImageSize;
  numInferenceSteps: number;
  guidanceScale: number;
  safetyTolerance: number;
};

export type FluxProUltraFinetunedSettings = Drawing & {
  model: 'fluxProUltraFinetuned';
  finetuneStrength: number;
  aspectRatio: AspectRatio;
  safetyTolerance: number;
  enableSafetyChecker: boolean;
  raw: boolean;
  enhancePrompt: boolean;
  referenceImageUrl: string | null;
  referenceImageStrength: number | null;
};

export type GenerationSettings = FluxLoraSettings | FluxProFinetunedSettings | FluxProUltraFinetunedSettings;

/** The settings of a preset. With none, the ultra model draws as ULTRA has it, the others as BALANCED. */
export function presetSettings(model: Model, preset: GenerationPreset | null): GenerationSettings {
  const drawing: Drawing = { numImages: 1, outputFormat: 'jpeg', seed: null };
  const stepped = steppedPresets[preset === null || preset === 'ULTRA' ? 'BALANCED' : preset];
  const { imageSize, numInferenceSteps, guidanceScale } = stepped;
  switch (model) {
    case 'fluxLora':
      return {
        ...drawing,
        model,
        loraScale: stepped.strength,
        imageSize,
        numInferenceSteps,
        guidanceScale,
        enableSafetyChecker: true,
        acceleration: 'none',
      };
    case 'fluxProFinetuned':
      return {
        ...drawing,
        model,
        finetuneStrength: stepped.strength,
        imageSize,
        numInferenceSteps,
        guidanceScale,
        safetyTolerance: stepped.safetyTolerance,
      };
    case 'fluxProUltraFinetuned':
      return {
        ...drawing,
        model,
        finetuneStrength: ultraPreset.strength,
        aspectRatio: ultraPreset.aspectRatio,
        safetyTolerance: ultraPreset.safetyTolerance,
        enableSafetyChecker: true,
        raw: false,
        enhancePrompt: false,
        referenceImageUrl: null,
        referenceImageStrength: null,
      };
  }
}
