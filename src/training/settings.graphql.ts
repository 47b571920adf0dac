/** GraphQL: the settings of the trainers, as input and as output. */
import { settingsInput, settingsUnion } from '../graphql/settings-types.ts';
import { type TrainingSettings as Settings, type SettingsInput, trainers } from './settings.ts';

export const TrainingSettingsInput = settingsInput<SettingsInput>(
  'TrainingSettingsInput',
  'The settings of one trainer. Set exactly one field: it selects the trainer, which must fit the avatar’s kind.',
  trainers,
);

export const TrainingSettings = settingsUnion<Settings>(
  'TrainingSettings',
  'The settings of the trainer: the values that the server sends to fal, with defaults filled in.',
  trainers,
);
