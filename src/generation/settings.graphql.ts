/** GraphQL: the settings of the drawing models, as input and as output. */
import { drawingFields } from '../fal/model.ts';
import { settingsInput, settingsInterface, settingsUnion } from '../graphql/settings-types.ts';
import { models, type GenerationSettings as Settings, type SettingsInput } from './settings.ts';

export const GenerationSettingsInput = settingsInput<SettingsInput>(
  'GenerationSettingsInput',
  'The settings of one model. Set exactly one field: it selects the model. The model must fit the avatar and the preset.',
  models,
);

export const DrawingSettings = settingsInterface(
  'DrawingSettings',
  'The settings that every drawing model has.',
  drawingFields,
);

export const GenerationSettings = settingsUnion<Settings>(
  'GenerationSettings',
  'The settings of the model that draws: the values that the server sends to fal, with defaults filled in.',
  models,
  DrawingSettings,
);
