/** GraphQL: the presets and their settings. */
import type { GenerationPreset as PresetName } from '../../prisma/generated/client/client.ts';
import { builder } from '../graphql/builder.ts';
import { presetDescriptions, presetNames } from './presets.ts';
import { GenerationSettings } from './settings.graphql.ts';
import { modelsOfPreset, presetSeconds, presetSettings } from './settings.ts';

export const GenerationPreset = builder.enumType('GenerationPreset', {
  description: 'A named set of settings for drawing. The query `generationPresets` returns the values.',
  values: Object.fromEntries(presetNames.map((name) => [name, { description: presetDescriptions[name] }])) as Record<
    PresetName,
    { description: string }
  >,
});

export const IntRange = builder.objectRef<{ min: number; max: number }>('IntRange').implement({
  description: 'A range of integers. Both ends are included.',
  fields: (t) => ({
    min: t.exposeInt('min', { description: 'The smallest value.' }),
    max: t.exposeInt('max', { description: 'The largest value.' }),
  }),
});

const GenerationPresetInfo = builder.objectRef<PresetName>('GenerationPresetInfo').implement({
  description: 'A preset and its settings.',
  fields: (t) => ({
    name: t.field({ type: GenerationPreset, description: 'The preset.', resolve: (name) => name }),
    description: t.string({ description: 'When to use the preset.', resolve: (name) => presetDescriptions[name] }),
    settingsFor: t.field({
      type: [GenerationSettings],
      description: 'The settings of the preset, for each model that supports it.',
      resolve: (name) => modelsOfPreset(name).map((model) => presetSettings(model, name)),
    }),
    typicalSeconds: t.field({
      type: IntRange,
      description:
        'How many seconds fal typically takes, without the time in its queue: from the fastest to the slowest model.',
      resolve: presetSeconds,
    }),
  }),
});

builder.queryField('generationPresets', (t) =>
  t.field({
    type: [GenerationPresetInfo],
    description: 'All presets for generations, with their settings.',
    resolve: () => [...presetNames],
  }),
);
