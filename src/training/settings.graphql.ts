/** GraphQL: the settings that a caller may give, and what an avatar was trained with. */
import { settingsInput, settingsUnion } from '../graphql/settings-types.ts';
import { type TrainingSettings as Settings, type SettingsInput, trainers } from './settings.ts';

export const TrainingSettingsInput = settingsInput<SettingsInput>(
  'TrainingSettingsInput',
  'The settings of one trainer, which then trains. It must be one for the avatar’s kind.',
  trainers,
);

export const TrainingSettings = settingsUnion<Settings>(
  'TrainingSettings',
  'Exactly what fal was sent beside the photos, with defaults filled in.',
  trainers,
);
