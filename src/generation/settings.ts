/** The settings of a generation under this API's names. */
import type { GenerationPreset } from '../../prisma/generated/client/client.ts';
import type { InputsOf, ValuesOf } from '../fal/fields.ts';
import type { CommonSettings, DrawingModel } from '../fal/model.ts';
import { decodeSettings, defaultSettings } from '../fal/settings.ts';
import { drawingModels } from './models/models.ts';

type KnownModel = (typeof drawingModels)[number];
export type ModelName = KnownModel['name'];

type SettingsOf<Model extends KnownModel> = Model extends KnownModel
  ? { model: Model['name'] } & CommonSettings & ValuesOf<Model['fields']> & ValuesOf<Model['readOnlyFields']>
  : never;

/** The settings of any drawing model; `model` is its name. */
export type GenerationSettings = SettingsOf<KnownModel>;

/** Settings as a caller gives them: those of one model, by its name. */
export type SettingsInput = {
  [Name in ModelName]?: InputsOf<Extract<KnownModel, { name: Name }>['fields']> | null | undefined;
};

export const models: readonly DrawingModel[] = drawingModels;

/** The model of an endpoint that draws. Throws for any other. */
export function modelOf(endpoint: string): DrawingModel {
  const model = models.find((each) => each.endpoint === endpoint);
  if (model === undefined) throw new TypeError(`${endpoint} draws no pictures.`);
  return model;
}

/** The models that have numbers for a preset; without a preset, all. */
export function modelsOfPreset(preset: GenerationPreset | null): readonly DrawingModel[] {
  return preset === null ? models : models.filter(({ presets }) => presets[preset] !== undefined);
}

/** How many seconds a preset typically takes: the minimum of its fastest model and the maximum of its slowest. */
export function presetSeconds(preset: GenerationPreset): { min: number; max: number } {
  const ranges = models.flatMap(({ presets }) => presets[preset]?.typicalSeconds ?? []);
  return { min: Math.min(...ranges.map(({ min }) => min)), max: Math.max(...ranges.map(({ max }) => max)) };
}

/** The settings of a preset, or of the model's default preset. */
export function presetSettings(model: DrawingModel, preset: GenerationPreset | null): GenerationSettings {
  const numbers = model.presets[preset ?? model.defaultPreset]?.settings;
  return { model: model.name, ...defaultSettings(model), ...numbers } as GenerationSettings;
}

/** Reads the settings from a job's stored input. Throws if that is not a valid input of the endpoint. */
export function readSettings(endpoint: string, input: unknown): GenerationSettings {
  const model = modelOf(endpoint);
  return { model: model.name, ...decodeSettings(model, model.input.parse(input)) } as GenerationSettings;
}
