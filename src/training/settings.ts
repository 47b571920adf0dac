/** What an avatar is trained with, in this API's words: the settings of one of the trainers. */
import type { Avatar, AvatarKind, TrainingPreset } from '../../prisma/generated/client/client.ts';
import type { InputsOf, ValuesOf } from '../fal/fields.ts';
import type { Trainer } from '../fal/model.ts';
import { allFields, decodeSettings, defaultSettings, type Settings } from '../fal/settings.ts';
import { trainers as knownTrainers } from './models/models.ts';

type KnownTrainer = (typeof knownTrainers)[number];

type SettingsOf<Model extends KnownTrainer> = Model extends KnownTrainer
  ? { model: Model['name'] } & ValuesOf<Model['fields']> & ValuesOf<Model['readOnlyFields']>
  : never;

/** Of whichever trainer trains; `model` is its name. */
export type TrainingSettings = SettingsOf<KnownTrainer>;

/** Settings as a caller gives them: those of one trainer, by its name. */
export type SettingsInput = {
  [Name in KnownTrainer['name']]?: InputsOf<Extract<KnownTrainer, { name: Name }>['fields']> | null | undefined;
};

export const trainers: readonly Trainer[] = knownTrainers;

export const trainersOf = (kind: AvatarKind): readonly Trainer[] =>
  trainers.filter(({ avatarKinds }) => avatarKinds.includes(kind));

/** The trainer of an endpoint. Throws for one that trains nothing. */
export function trainerOf(endpoint: string): Trainer {
  const trainer = trainers.find((each) => each.endpoint === endpoint);
  if (trainer === undefined) throw new TypeError(`${endpoint} trains nothing.`);
  return trainer;
}

/** The settings of a preset, the same for every avatar. What follows from the avatar is null. */
export function presetSettings(trainer: Trainer, preset: TrainingPreset): TrainingSettings {
  return { model: trainer.name, ...defaultSettings(trainer), ...trainer.presets[preset] } as TrainingSettings;
}

/** The settings that follow from the avatar. */
export function settingsFrom(avatar: Avatar, trainer: Trainer): Settings {
  const ofAvatar = { trigger: avatar.triggerPhrase ?? avatar.triggerWord, name: avatar.name };
  return Object.fromEntries(
    Object.entries(allFields(trainer)).flatMap(([name, { from }]) => (from ? [[name, ofAvatar[from]]] : [])),
  );
}

/** The settings in a job's input, as its row stores it. Throws when it is no input of that endpoint. */
export function readSettings(endpoint: string, input: unknown): TrainingSettings {
  const trainer = trainerOf(endpoint);
  const settings = decodeSettings(trainer, trainer.settingsInput.parse(input));
  return { model: trainer.name, ...settings } as TrainingSettings;
}
