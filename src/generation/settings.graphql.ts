/** GraphQL: the settings that a caller may give, and what a generation was drawn with. */
import { drawingFields } from '../fal/model.ts';
import { settingsInput, settingsInterface, settingsUnion } from '../graphql/settings-types.ts';
import { models, type GenerationSettings as Settings, type SettingsInput } from './settings.ts';

export const GenerationSettingsInput = settingsInput<SettingsInput>(
  'GenerationSettingsInput',
  'The settings of one model, which then draws. The avatar and the preset must allow that model.',
  models,
);

export const DrawingSettings = settingsInterface(
  'DrawingSettings',
  'The settings that every model has.',
  drawingFields,
);

export const GenerationSettings = settingsUnion<Settings>(
  'GenerationSettings',
  'Exactly what fal was sent beside the prompt, with defaults filled in.',
  models,
  DrawingSettings,
);
