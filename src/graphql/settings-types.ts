/** GraphQL: the types of a model's settings, derived from the model's description. */
import {
  type Choices,
  type Field,
  type Fields,
  type ImageSize,
  type ImageSizeName,
  imageSizes,
} from '../fal/fields.ts';
import type { DrawingModel, Trainer } from '../fal/model.ts';
import { range } from '../fal/range.ts';
import { builder } from './builder.ts';

type Model = DrawingModel | Trainer;

/** The input types of all models, and one that takes the settings of one of them. `Given` is its shape. */
export function settingsInput<Given extends object>(name: string, description: string, models: readonly Model[]) {
  const types = models.map((model) => ({ model, type: modelInput(model) }));
  return builder.inputRef<Given, false>(name).implement({
    description,
    isOneOf: true,
    // What Pothos would check of the fields follows from `Given`, which has the same source.
    fields: (t) =>
      Object.fromEntries(
        types.map(({ model, type }) => [model.name, t.field({ type, description: model.usedFor })]),
      ) as never,
  });
}

function modelInput({ name, endpoint, purpose, fields }: Model) {
  return builder.inputType(typeName(name, 'Input'), {
    description: `Settings of ${endpoint}, which ${purpose}.`,
    fields: (t) => Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, t.field(inputField(field))])),
  });
}

/** Its type, and its meaning with its range. */
const inputField = (field: Field) => ({ type: inputTypeOf(field) as never, description: inputDescription(field) });

/** The output types of all models, and their union. A value names its model in `model`. */
export function settingsUnion<Settings extends { model: string }>(
  name: string,
  description: string,
  models: readonly Model[],
  common?: ReturnType<typeof settingsInterface>,
) {
  const types = models.map(({ name: model, endpoint, purpose, fields, readOnlyFields }) =>
    builder.objectRef<Settings>(typeName(model, 'Settings')).implement({
      description: `Settings of ${endpoint}, which ${purpose}, as the server sends them to fal.`,
      ...(common && { interfaces: [common as never] }),
      fields: (t) => outputFields(t, { ...fields, ...readOnlyFields }),
    }),
  );
  return builder.unionType(name, {
    description,
    types,
    resolveType: ({ model }) => typeName(model, 'Settings'),
  });
}

/** The settings that every model of a kind has. */
export function settingsInterface(name: string, description: string, fields: Fields) {
  return builder
    .interfaceRef<Record<string, unknown>>(name)
    .implement({ description, fields: (t) => outputFields(t, fields) });
}

type Expose = { expose(name: string, options: { type: unknown; nullable: boolean; description: string }): never };

function outputFields(t: unknown, fields: Fields): Record<string, never> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [
      name,
      (t as Expose).expose(name, {
        type: field.kind === 'IMAGE_SIZE' ? ImageSizeType : simpleTypeOf(field),
        nullable: field.isNullable,
        description: outputDescription(field),
      }),
    ]),
  );
}

const inputTypeOf = (field: Field) => (field.kind === 'IMAGE_SIZE' ? ImageSizeInput : simpleTypeOf(field));

/** A type that is both of input and of output. */
function simpleTypeOf(field: Exclude<Field, { kind: 'IMAGE_SIZE' }>) {
  switch (field.kind) {
    case 'FLOAT':
      return 'Float';
    case 'INT':
      return 'Int';
    case 'BOOLEAN':
      return 'Boolean';
    case 'TEXT':
      return 'String';
    case 'URL':
      return 'URL';
    case 'CHOICE':
      return enumOf(field.choices);
  }
}

function inputDescription(field: Field): string {
  switch (field.kind) {
    case 'FLOAT':
    case 'INT':
      return `${field.description} Takes ${range(field.schema, [])}.`;
    case 'IMAGE_SIZE':
      return `${field.description} Width and height take ${range(field.schema, ['width'])} pixels.`;
    case 'URL':
      return `${field.description} https only.`;
    case 'TEXT':
      return `${field.description} ${field.min} to ${field.max} characters. Default: the avatar’s ${field.from}.`;
    case 'BOOLEAN':
    case 'CHOICE':
      return field.description;
  }
}

const outputDescription = ({ description, from }: Field) =>
  from === undefined ? description : `${description} Null in a preset, because it is the avatar’s ${from}.`;

const enums = new Map<Choices, unknown>();

/** The enum of a choice, made once. */
export function enumOf<Value extends string>(choices: Choices<Value>) {
  const made = enums.get(choices) ?? newEnum(choices);
  enums.set(choices, made);
  return made as ReturnType<typeof newEnum<Value>>;
}

function newEnum<Value extends string>({ name, description, values, prefix = '' }: Choices<Value>) {
  const valueName = (value: string) => `${prefix}${value.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`;
  const meanings = Object.entries(values) as [Value, string][];
  return builder.enumType(name, {
    description,
    values: Object.fromEntries(meanings.map(([value, meaning]) => [valueName(value), { value, description: meaning }])),
  });
}

const pixels = ({ width, height }: { width: number; height: number }) => `${width} × ${height} pixels.`;
const sidesOf = (size: ImageSize) => (typeof size === 'string' ? imageSizes[size] : size);

const ImageSizePreset = builder.enumType('ImageSizePreset', {
  description: 'fal’s named sizes.',
  values: Object.fromEntries(
    Object.entries(imageSizes).map(([name, size]) => [name.toUpperCase(), { value: name, description: pixels(size) }]),
  ) as Record<Uppercase<ImageSizeName>, { value: ImageSizeName; description: string }>,
});

const ImageSizeInput = builder.inputType('ImageSizeInput', {
  description: 'Either one of fal’s named sizes, or both width and height in pixels.',
  fields: (t) => ({
    preset: t.field({ type: ImageSizePreset, description: 'One of fal’s named sizes.' }),
    width: t.int({ description: 'Width in pixels. Requires height.' }),
    height: t.int({ description: 'Height in pixels. Requires width.' }),
  }),
});

const ImageSizeType = builder.objectRef<ImageSize>('ImageSize').implement({
  description: 'The size of a picture.',
  fields: (t) => ({
    preset: t.field({
      type: ImageSizePreset,
      nullable: true,
      description: 'fal’s name of the size. Null if the size was given in pixels.',
      resolve: (size) => (typeof size === 'string' ? size : null),
    }),
    width: t.int({ description: 'Width in pixels.', resolve: (size) => sidesOf(size).width }),
    height: t.int({ description: 'Height in pixels.', resolve: (size) => sidesOf(size).height }),
  }),
});

const typeName = (model: string, suffix: 'Input' | 'Settings') =>
  `${model.charAt(0).toUpperCase()}${model.slice(1)}${suffix}`;
