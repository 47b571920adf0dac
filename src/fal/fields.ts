/**
 * The description of one setting of a fal model: its name at fal, its type, its range, its default and its meaning.
 * Everything else about the setting is derived from it: the GraphQL fields, the encoding to fal and back, the check of
 * fal's input, the messages.
 */
import { z } from 'zod';

/** fal's named image sizes, in pixels. */
export const imageSizes = {
  square_hd: { width: 1024, height: 1024 },
  square: { width: 512, height: 512 },
  portrait_4_3: { width: 768, height: 1024 },
  portrait_16_9: { width: 576, height: 1024 },
  landscape_4_3: { width: 1024, height: 768 },
  landscape_16_9: { width: 1024, height: 576 },
} as const;

export type ImageSizeName = keyof typeof imageSizes;
/** One of fal's names, or pixels. */
export type ImageSize = ImageSizeName | { width: number; height: number };
/** As a caller gives it: either a name, or both sides. */
export type ImageSizeInput = {
  preset?: ImageSizeName | null | undefined;
  width?: number | null | undefined;
  height?: number | null | undefined;
};

/** The values of a choice. They become a GraphQL enum, whose values are fal's in upper case. */
export type Choices<Value extends string = string> = {
  /** The enum's name. */
  name: string;
  description: string;
  /** What each value means, by fal's name for it. */
  values: Readonly<Record<Value, string>>;
  /** Put before each of the enum's values: a GraphQL name cannot begin with a digit. */
  prefix?: string;
};

export type FieldType =
  | { kind: 'FLOAT' | 'INT' | 'BOOLEAN' | 'URL' }
  | { kind: 'IMAGE_SIZE' }
  | { kind: 'TEXT'; min: number; max: number }
  | { kind: 'CHOICE'; choices: Choices };

/** The range that fal recommends, and what happens outside it. A plan warns about a value outside; a preset may hold one. */
export type Advice = { min: number; max: number; below: string; above: string };

export type Field<Value = unknown, Input = Value> = FieldType & {
  /** Its path in fal's input: `guidance_scale`, or `loras.0.scale` inside the first entry of a list. */
  fal: string;
  description: string;
  /** fal's check of the value. It fills in fal's default. */
  schema: z.ZodType;
  /** What this server sends when neither the caller nor the preset says otherwise. Null: nothing. */
  default: Value | null | undefined;
  isNullable: boolean;
  /** The value comes from the avatar unless the caller gives one: its trigger, or its name. */
  from?: 'trigger' | 'name' | undefined;
  advice?: Advice | undefined;
  /** Why a plan warns when a boolean is false. */
  warningWhenFalse?: string | undefined;
  /** fal wants the number as a string. */
  isString?: boolean;
  /** Never set: it carries the types. */
  types?: { value: Value; input: Input };
};

export type Fields = Readonly<Record<string, Field>>;

/** The values of a model's settings, by this API's names. */
export type ValuesOf<F extends Fields> = {
  [Name in keyof F]: F[Name] extends { types?: { value: infer V } } ? V : never;
};

/** The same as a caller gives them: any of them, the rest is the preset's. */
export type InputsOf<F extends Fields> = {
  [Name in keyof F]?: (F[Name] extends { types?: { input: infer I } } ? I : never) | null | undefined;
};

type About = { fal: string; description: string };
type Range = { min: number; max: number };

/** `default` is fal's own. A number without one must be in every preset. */
export const float = ({ min, max, default: value, ...about }: About & Range & { default?: number; advice?: Advice }) =>
  field<number>({ ...about, kind: 'FLOAT' }, z.number().min(min).max(max), value);

export const integer = ({ min, max, default: value, ...about }: About & Range & { default?: number }) =>
  field<number>({ ...about, kind: 'INT' }, z.int().min(min).max(max), value);

/** An integer of a few. */
export const integerOf = ({
  values,
  default: value,
  ...about
}: About & { values: [number, number]; default: number }) =>
  field<number>({ ...about, kind: 'INT' }, z.union(values.map((each) => z.literal(each))), value);

/** An integer that fal takes as a string. */
export const integerString = ({ min, max, default: value, ...about }: About & Range & { default: number }) => {
  const values = Array.from({ length: max - min + 1 }, (_, index) => String(min + index));
  return {
    ...field<number>({ ...about, kind: 'INT' }, z.enum(values).default(String(value)), undefined),
    default: value,
    isString: true,
  };
};

/** A float that is sent only when somebody gives it. */
export const optionalFloat = ({ min, max, ...about }: About & Range) =>
  optional<number>({ ...about, kind: 'FLOAT' }, z.number().min(min).max(max));

/** An integer that is sent only when somebody gives it, and whose range is this API's and not fal's. */
export const optionalInteger = (about: About) => optional<number>({ ...about, kind: 'INT' }, z.int());

export const boolean = ({ default: value, ...about }: About & { default: boolean; warningWhenFalse?: string }) =>
  field<boolean>({ ...about, kind: 'BOOLEAN' }, z.boolean(), value);

export function choice<Value extends string>({
  choices,
  default: value,
  ...about
}: About & { choices: Choices<Value>; default: NoInfer<Value> }) {
  const values = Object.keys(choices.values) as Value[];
  return field<Value>({ ...about, kind: 'CHOICE', choices }, z.enum(values), value);
}

export function imageSize({ min, max, default: value, ...about }: About & Range & { default: ImageSizeName }) {
  const names = Object.keys(imageSizes) as ImageSizeName[];
  const side = z.int().min(min).max(max);
  const schema = z.union([z.enum(names), z.strictObject({ width: side, height: side })]);
  return field<ImageSize, ImageSizeInput>({ ...about, kind: 'IMAGE_SIZE' }, schema, value);
}

/** The URL of a picture, which is sent only when a caller gives one. The server looks at it before fal is sent there. */
export const pictureUrl = (about: About) => optional<string, URL>({ ...about, kind: 'URL' }, httpUrl);

/** One line of text. `default` is fal's own; `from` says what the server sends instead. */
export const text = ({
  min = 1,
  max = 200,
  default: value,
  isOptional = false,
  ...about
}: About & Partial<Range> & { from: 'trigger' | 'name'; default?: string; isOptional?: boolean }) => {
  const type = { ...about, kind: 'TEXT' as const, min, max };
  const schema = z.string().min(1);
  const described = field<string | null, string>(type, isOptional ? schema.optional() : schema, value);
  return { ...described, default: null, isNullable: true };
};

export const httpUrl = z.url({ protocol: /^https?$/ });

type Described = FieldType & About & Pick<Field, 'from' | 'advice' | 'warningWhenFalse'>;

function field<Value, Input = Value>(described: Described, schema: z.ZodType, value: Value | undefined) {
  const withDefault = value === undefined ? schema : schema.default(value);
  return { ...described, schema: withDefault, default: value, isNullable: false } as Field<Value, Input>;
}

function optional<Value, Input = Value>(described: Described, schema: z.ZodType) {
  return { ...described, schema: schema.optional(), default: null, isNullable: true } as Field<Value | null, Input>;
}
