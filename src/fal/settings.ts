/**
 * Pure: converts a model's settings from this API's names to fal's input and back. Every function takes the model's description
 * and works for any model.
 */
import { z } from 'zod';
import { line } from '../database/storable-text.ts';
import type { InputIssue } from '../refusal/invalid-input.ts';
import { type Field, type Fields, type ImageSize, imageSizes } from './fields.ts';
import { artefactField, type DrawingModel, drawingFields, type Trainer } from './model.ts';
import { range } from './range.ts';
import { type FalMode, urlForFal } from './url.ts';

type Model = DrawingModel | Trainer;
export type Settings = Record<string, unknown>;

/** All settings of a model, including those that every drawing model has. */
export const allFields = (model: Model): Fields => ({
  ...(model.kind === 'GENERATION' && drawingFields),
  ...model.fields,
  ...model.readOnlyFields,
});

/** The default settings of a model. */
export function defaultSettings(model: Model): Settings {
  return Object.fromEntries(Object.entries(allFields(model)).map(([name, field]) => [name, field.default]));
}

/** fal's input of these settings. Null is not sent. Ranges are not checked: see `inputIssues`. */
export function encodeSettings(model: Model, settings: Settings): Record<string, unknown> {
  const input: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(allFields(model))) {
    const value = settings[name];
    if (value === null || value === undefined) continue;
    writeAt(input, field.fal, field.isString && typeof value === 'number' ? String(value) : value);
  }
  return input;
}

/** The settings in an input that fal's check has taken, which has filled in fal's defaults. */
export function decodeSettings(model: Model, input: Record<string, unknown>): Settings {
  const settings = Object.entries(allFields(model)).map(([name, field]) => {
    const value = readAt(input, field.fal) ?? field.default ?? null;
    return [name, field.isString ? Number(value) : value];
  });
  return Object.fromEntries(settings) as Settings;
}

/** Sets a value at a path of fal's input. `loras.0.path` is in the first entry of a list, which is made if need be. */
export function writeAt(input: Record<string, unknown>, path: string, value: unknown): void {
  const [name = '', , inner] = path.split('.');
  if (inner === undefined) input[name] = value;
  else input[name] = [{ ...firstOf(input[name]), [inner]: value }];
}

export function readAt(input: Record<string, unknown>, path: string): unknown {
  const [name = '', , inner] = path.split('.');
  return inner === undefined ? input[name] : firstOf(input[name])[inner];
}

function firstOf(list: unknown): Record<string, unknown> {
  return (Array.isArray(list) ? (list[0] as Record<string, unknown> | undefined) : undefined) ?? {};
}

/**
 * A field of fal's input in this API's words: `image_size.width` of fluxLora is `settings.fluxLora.imageSize.width`. A
 * setting that depends on the avatar has the avatar's name for it. A field that the model does not describe keeps fal's name.
 */
export function fieldName(model: Model, falField: string): string {
  const names = fieldNames(model);
  const parts = falField.split('.');
  for (let length = parts.length; length > 0; length -= 1) {
    const name = names[parts.slice(0, length).join('.')];
    if (name !== undefined) return [name, ...parts.slice(length)].join('.');
  }
  return falField;
}

function fieldNames(model: Model): Record<string, string> {
  const settings = namesAtFal(model.fields, (name) => `settings.${model.name}.${name}`);
  const ofAvatar = Object.entries(model.readOnlyFields).filter(([, { from }]) => from !== undefined);
  const readOnly = namesAtFal(Object.fromEntries(ofAvatar), (name) => name);
  if (model.kind === 'TRAINING') return { ...readOnly, ...settings };
  const path = artefactField[model.artefact];
  const artefact = { [path]: 'avatarId', [path.split('.')[0] ?? path]: 'avatarId' };
  return { prompt: 'prompt', ...namesAtFal(drawingFields, (name) => name), ...artefact, ...readOnly, ...settings };
}

const namesAtFal = (fields: Fields, toName: (name: string) => string) =>
  Object.fromEntries(Object.entries(fields).map(([name, { fal }]) => [fal, toName(name)]));

/** Every value of an input that fal would reject, under this API's names. */
export function inputIssues(model: Model, schema: z.ZodType, input: unknown): InputIssue[] {
  const { error } = schema.safeParse(input);
  return (error?.issues ?? []).map(({ path }) => ({
    path: fieldName(model, path.join('.')),
    message: `Takes ${range(schema, path)}.`,
  }));
}

/** Checks the type of a setting. Its range is fal's: see `inputIssues`. */
export function givenSchema(name: string, field: Field, mode: FalMode): z.ZodType {
  switch (field.kind) {
    case 'FLOAT':
      return z.number();
    case 'INT':
      return z.int();
    case 'BOOLEAN':
      return z.boolean();
    case 'CHOICE':
      return z.enum(Object.keys(field.choices.values));
    case 'TEXT':
      return line(`A ${name}`, field.min, field.max);
    case 'URL':
      return urlForFal(mode);
    case 'IMAGE_SIZE':
      return givenImageSize;
  }
}

const givenImageSize = z
  .object({ preset: z.string().nullish(), width: z.int().nullish(), height: z.int().nullish() })
  .transform(({ preset, width, height }, context): ImageSize => {
    const sides = [width, height].filter((side) => side !== null && side !== undefined);
    if (preset && Object.hasOwn(imageSizes, preset) && sides.length === 0) return preset as ImageSize;
    const [across, down] = sides;
    if (!preset && across !== undefined && down !== undefined) return { width: across, height: down };
    context.addIssue('Takes a preset, or width and height.');
    return z.NEVER;
  });

/** Parses the caller's settings. Null means the same as absent. */
export function readGiven(model: Model, given: object, mode: FalMode): { values: Settings; issues: InputIssue[] } {
  const values: Settings = {};
  const issues: InputIssue[] = [];
  for (const [name, value] of Object.entries(given)) {
    const field = model.fields[name];
    if (field === undefined || value === null || value === undefined) continue;
    const parsed = givenSchema(name, field, mode).safeParse(value);
    if (parsed.success) values[name] = parsed.data;
    else
      issues.push(...parsed.error.issues.map(({ message }) => ({ path: `settings.${model.name}.${name}`, message })));
  }
  return { values, issues };
}

/**
 * Warnings about values that fal accepts, one sentence each. The preset's own numbers never cause one.
 */
export function warningsOf(model: Model, settings: Settings, ofPreset: Settings): string[] {
  const warnings = model.isDeprecated ? ['fal no longer supports this model: it may disappear at any time.'] : [];
  for (const [name, { advice, warningWhenFalse }] of Object.entries(model.fields)) {
    const value = settings[name];
    if (warningWhenFalse !== undefined && value === false) warnings.push(warningWhenFalse);
    if (advice === undefined || typeof value !== 'number' || value === ofPreset[name]) continue;
    if (value < advice.min) warnings.push(`${name} ${value} is under ${advice.min}: ${advice.below}.`);
    if (value > advice.max) warnings.push(`${name} ${value} is over ${advice.max}: ${advice.above}.`);
  }
  return warnings;
}
