/** GraphQL: what a generation was drawn with. */

import { imageSizes } from '../fal/endpoints.ts';
import { builder } from '../graphql/builder.ts';
import { descriptions } from './settings/descriptions.ts';
import type {
  Drawing,
  FluxLoraSettings as FluxLora,
  FluxProFinetunedSettings as FluxProFinetuned,
  FluxProUltraFinetunedSettings as FluxProUltraFinetuned,
  Model,
  ImageSize as Size,
} from './settings/settings.ts';
import { Acceleration, AspectRatio, ImageSizePreset, OutputFormat } from './settings-values.graphql.ts';

const sides = (size: Size) => (typeof size === 'string' ? imageSizes[size] : size);

const ImageSize = builder.objectRef<Size>('ImageSize').implement({
  description: 'How large a picture is.',
  fields: (t) => ({
    preset: t.field({
      type: ImageSizePreset,
      nullable: true,
      description: 'fal’s name of the size; null when it was asked for in pixels.',
      resolve: (size) => (typeof size === 'string' ? size : null),
    }),
    width: t.int({ description: 'Pixels.', resolve: (size) => sides(size).width }),
    height: t.int({ description: 'Pixels.', resolve: (size) => sides(size).height }),
  }),
});

const DrawingSettings = builder.interfaceRef<Drawing>('DrawingSettings').implement({
  description: 'What every model is told, whichever draws.',
  fields: (t) => ({
    numImages: t.exposeInt('numImages', { description: descriptions.numImages }),
    outputFormat: t.expose('outputFormat', { type: OutputFormat, description: descriptions.outputFormat }),
    seed: t.exposeInt('seed', { nullable: true, description: descriptions.seed }),
  }),
});

const FluxLoraSettings = builder.objectRef<FluxLora>('FluxLoraSettings').implement({
  description: 'What fal-ai/flux-lora was sent, which draws portraits.',
  interfaces: [DrawingSettings],
  fields: (t) => ({
    loraScale: t.exposeFloat('loraScale', { description: descriptions.loraScale }),
    imageSize: t.expose('imageSize', { type: ImageSize, description: descriptions.imageSize }),
    numInferenceSteps: t.exposeInt('numInferenceSteps', { description: descriptions.numInferenceSteps }),
    guidanceScale: t.exposeFloat('guidanceScale', { description: descriptions.guidanceScale }),
    enableSafetyChecker: t.exposeBoolean('enableSafetyChecker', { description: descriptions.enableSafetyChecker }),
    acceleration: t.expose('acceleration', { type: Acceleration, description: descriptions.acceleration }),
  }),
});

const FluxProFinetunedSettings = builder.objectRef<FluxProFinetuned>('FluxProFinetunedSettings').implement({
  description: 'What fal-ai/flux-pro/finetuned was sent, which draws styles in steps.',
  interfaces: [DrawingSettings],
  fields: (t) => ({
    finetuneStrength: t.exposeFloat('finetuneStrength', { description: descriptions.finetuneStrength }),
    imageSize: t.expose('imageSize', { type: ImageSize, description: descriptions.imageSize }),
    numInferenceSteps: t.exposeInt('numInferenceSteps', { description: descriptions.numInferenceSteps }),
    guidanceScale: t.exposeFloat('guidanceScale', { description: descriptions.guidanceScale }),
    safetyTolerance: t.exposeInt('safetyTolerance', { description: descriptions.safetyTolerance }),
  }),
});

const FluxProUltraFinetunedSettings = builder
  .objectRef<FluxProUltraFinetuned>('FluxProUltraFinetunedSettings')
  .implement({
    description: 'What fal-ai/flux-pro/v1.1-ultra-finetuned was sent, which draws the largest pictures of styles.',
    interfaces: [DrawingSettings],
    fields: (t) => ({
      finetuneStrength: t.exposeFloat('finetuneStrength', { description: descriptions.finetuneStrength }),
      aspectRatio: t.expose('aspectRatio', { type: AspectRatio, description: descriptions.aspectRatio }),
      safetyTolerance: t.exposeInt('safetyTolerance', { description: descriptions.safetyTolerance }),
      enableSafetyChecker: t.exposeBoolean('enableSafetyChecker', { description: descriptions.enableSafetyChecker }),
      raw: t.exposeBoolean('raw', { description: descriptions.raw }),
      enhancePrompt: t.exposeBoolean('enhancePrompt', { description: descriptions.enhancePrompt }),
      referenceImageUrl: t.expose('referenceImageUrl', {
        type: 'URL',
        nullable: true,
        description: descriptions.referenceImageUrl,
      }),
      referenceImageStrength: t.exposeFloat('referenceImageStrength', {
        nullable: true,
        description: descriptions.referenceImageStrength,
      }),
    }),
  });

const typeNames: Record<Model, string> = {
  fluxLora: 'FluxLoraSettings',
  fluxProFinetuned: 'FluxProFinetunedSettings',
  fluxProUltraFinetuned: 'FluxProUltraFinetunedSettings',
};

export const GenerationSettings = builder.unionType('GenerationSettings', {
  description: 'Exactly what fal was sent beside the prompt, defaults filled in.',
  types: [FluxLoraSettings, FluxProFinetunedSettings, FluxProUltraFinetunedSettings],
  resolveType: ({ model }) => typeNames[model],
});
