/** GraphQL: the presets, and what each stands for. */
import type { TrainingPreset as PresetName } from '../../prisma/generated/client/client.ts';
import { builder } from '../graphql/builder.ts';
import { presetDescriptions, presetNames } from './presets.ts';
import { TrainingSettings } from './settings.graphql.ts';
import { presetSettings, trainers } from './settings.ts';

export const TrainingPreset = builder.enumType('TrainingPreset', {
  description: 'Numbers that go together; `trainingPresets` tells them.',
  values: Object.fromEntries(presetNames.map((name) => [name, { description: presetDescriptions[name] }])) as Record<
    PresetName,
    { description: string }
  >,
});

const TrainingPresetInfo = builder.objectRef<PresetName>('TrainingPresetInfo').implement({
  description: 'What a preset stands for.',
  fields: (t) => ({
    name: t.field({ type: TrainingPreset, description: 'The preset.', resolve: (name) => name }),
    description: t.string({ description: 'What it is good for.', resolve: (name) => presetDescriptions[name] }),
    settingsFor: t.field({
      type: [TrainingSettings],
      description: 'Its settings for each trainer: a portrait’s, a style’s.',
      resolve: (name) => trainers.map((trainer) => presetSettings(trainer, name)),
    }),
  }),
});

builder.queryField('trainingPresets', (t) =>
  t.field({
    type: [TrainingPresetInfo],
    description: 'Every preset of trainings with its exact numbers.',
    resolve: () => [...presetNames],
  }),
);
