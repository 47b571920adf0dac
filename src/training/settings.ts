/** The settings of a training under this API's names. */
import type { Avatar, AvatarKind, TrainingPreset } from '../../prisma/generated/client/client.ts';
import type { InputsOf, ValuesOf } from '../fal/fields.ts';
import type { Trainer } from '../fal/model.ts';
import { allFields, decodeSettings, defaultSettings, type Settings } from '../fal/settings.ts';
import { trainers as knownTrainers } from './models/models.ts';

type KnownTrainer = (typeof knownTrainers)[number];

type SettingsOf<Model extends KnownTrainer> = Model extends KnownTrainer
  ? { model: Model['name'] } & ValuesOf<Model['fields']> & ValuesOf<Model['readOnlyFields']>
  : never;

/** The settings of any trainer; `model` is its name. */
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

/** The settings of a preset. Those that depend on the avatar are null. */
export function presetSettings(trainer: Trainer, preset: TrainingPreset): TrainingSettings {
  return { model: trainer.name, ...defaultSettings(trainer), ...trainer.presets[preset] } as TrainingSettings;
}

/** The settings that depend on the avatar: its trigger and its name. */
export function settingsFrom(avatar: Avatar, trainer: Trainer): Settings {
  const ofAvatar = { trigger: avatar.triggerPhrase ?? avatar.triggerWord, name: avatar.name };
  return Object.fromEntries(
    Object.entries(allFields(trainer)).flatMap(([name, { from }]) => (from ? [[name, ofAvatar[from]]] : [])),
  );
}

/** Reads the settings from a job's stored input. Throws if that is not a valid input of the endpoint. */
export function readSettings(endpoint: string, input: unknown): TrainingSettings {
  const trainer = trainerOf(endpoint);
  const settings = decodeSettings(trainer, trainer.settingsInput.parse(input));
  return { model: trainer.name, ...settings } as TrainingSettings;
}
