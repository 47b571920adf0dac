/** GraphQL: the presets and their settings. */
import type { TrainingPreset as PresetName } from '../../prisma/generated/client/client.ts';
import { builder } from '../graphql/builder.ts';
import { presetDescriptions, presetNames } from './presets.ts';
import { TrainingSettings } from './settings.graphql.ts';
import { presetSettings, trainers } from './settings.ts';

export const TrainingPreset = builder.enumType('TrainingPreset', {
  description: 'A named set of settings for training. The query `trainingPresets` returns the values.',
  values: Object.fromEntries(presetNames.map((name) => [name, { description: presetDescriptions[name] }])) as Record<
    PresetName,
    { description: string }
  >,
});

const TrainingPresetInfo = builder.objectRef<PresetName>('TrainingPresetInfo').implement({
  description: 'A preset and its settings.',
  fields: (t) => ({
    name: t.field({ type: TrainingPreset, description: 'The preset.', resolve: (name) => name }),
    description: t.string({ description: 'When to use the preset.', resolve: (name) => presetDescriptions[name] }),
    settingsFor: t.field({
      type: [TrainingSettings],
      description: 'The settings of the preset, for each trainer.',
      resolve: (name) => trainers.map((trainer) => presetSettings(trainer, name)),
    }),
  }),
});

builder.queryField('trainingPresets', (t) =>
  t.field({
    type: [TrainingPresetInfo],
    description: 'All presets for trainings, with their settings.',
    resolve: () => [...presetNames],
  }),
);
