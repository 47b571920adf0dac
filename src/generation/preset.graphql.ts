/** GraphQL: the presets, and what each stands for. */
import type { GenerationPreset as PresetName } from '../../prisma/generated/client/client.ts';
import { builder } from '../graphql/builder.ts';
import { presetDescriptions, presetNames } from './presets.ts';
import { GenerationSettings } from './settings.graphql.ts';
import { modelsOfPreset, presetSeconds, presetSettings } from './settings.ts';

export const GenerationPreset = builder.enumType('GenerationPreset', {
  description: 'Numbers that go together; `generationPresets` tells them.',
  values: Object.fromEntries(presetNames.map((name) => [name, { description: presetDescriptions[name] }])) as Record<
    PresetName,
    { description: string }
  >,
});

export const IntRange = builder.objectRef<{ min: number; max: number }>('IntRange').implement({
  description: 'From a least to a greatest number, both included.',
  fields: (t) => ({
    min: t.exposeInt('min', { description: 'The least.' }),
    max: t.exposeInt('max', { description: 'The greatest.' }),
  }),
});

const GenerationPresetInfo = builder.objectRef<PresetName>('GenerationPresetInfo').implement({
  description: 'What a preset stands for.',
  fields: (t) => ({
    name: t.field({ type: GenerationPreset, description: 'The preset.', resolve: (name) => name }),
    description: t.string({ description: 'What it is good for.', resolve: (name) => presetDescriptions[name] }),
    settingsFor: t.field({
      type: [GenerationSettings],
      description: 'Its settings for each model that may draw with it: a portrait’s, a style’s.',
      resolve: (name) => modelsOfPreset(name).map((model) => presetSettings(model, name)),
    }),
    typicalSeconds: t.field({
      type: IntRange,
      description: 'How long fal takes as a rule, waiting in its queue aside.',
      resolve: presetSeconds,
    }),
  }),
});

builder.queryField('generationPresets', (t) =>
  t.field({
    type: [GenerationPresetInfo],
    description: 'Every preset of generations with its exact numbers.',
    resolve: () => [...presetNames],
  }),
);
