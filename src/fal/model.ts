/**
 * The description of a fal model: one that draws, or one that trains. Each model has one file, in generation/models/ or
 * training/models/, which holds all that this server knows of it; nothing else does.
 */
import { z } from 'zod';
import type { AvatarKind, GenerationPreset, TrainingPreset } from '../../prisma/generated/client/client.ts';
import { choice, type Fields, httpUrl, integer, optionalInteger, type ValuesOf } from './fields.ts';

/** What a training makes and a drawing model draws with: LoRA weights in a file, or a finetune that stays at fal. */
export type Artefact = 'LORA' | 'FINETUNE';

type Numbers<F extends Fields> = { readonly [Name in keyof F]?: ValuesOf<F>[Name] };

/** What fal charges is an estimate: fal bills by megapixel and by step, and its prices change. */
export type Price<Unit extends 'IMAGE' | 'TRAINING'> = {
  per: Unit;
  /** What this server charges. Whole tenths of a credit. */
  credits: number;
  /** What fal charges, about. */
  usd: number;
};

type Model<Endpoint extends string, Name extends string, F extends Fields, R extends Fields> = {
  endpoint: Endpoint;
  /** Its name in this API's settings: `fluxLora` makes the GraphQL types FluxLoraInput and FluxLoraSettings. */
  name: Name;
  /** What it does, as the end of a sentence that begins with its endpoint: `draws portraits`. */
  purpose: string;
  /** When a caller may name it, for the field of its settings. */
  usedFor: string;
  avatarKinds: readonly AvatarKind[];
  artefact: Artefact;
  /** Settings that a caller may give. */
  fields: F;
  /** Settings that are sent and shown, and that no caller may give. */
  readOnlyFields: R;
  /** The setting that the steps of its progress bar count; undefined when it has no such bar. */
  stepsField: (keyof F & string) | undefined;
  /** Whether fal calls it no longer supported. */
  isDeprecated: boolean;
};

/** What follows from the description, in fal's names. */
type Derived = {
  /** fal's input, as fal checks it. */
  input: InputSchema;
  /** fal's name for the number of steps, and what fal takes when none is given. */
  steps: { fal: string; default: number } | undefined;
};

export type GenerationNumbers<F extends Fields> = {
  settings: Numbers<F>;
  /** How long fal takes as a rule, without the time in its queue. */
  typicalSeconds: { min: number; max: number };
  /** Common settings that this preset allows one value of, whatever the model could do. */
  only?: { numImages?: Only<number>; outputFormat?: Only<string> };
};

type Only<Value> = { value: Value; message: string };

export type DrawingModel<
  Endpoint extends string = string,
  Name extends string = string,
  F extends Fields = Fields,
  R extends Fields = Fields,
> = Model<Endpoint, Name, F, R> &
  Derived & {
    kind: 'GENERATION';
    price: Price<'IMAGE'>;
    /** The presets that it can draw with. Every number that has no default must be in each. */
    presets: { readonly [Preset in GenerationPreset]?: GenerationNumbers<F> };
    /** The preset whose numbers it draws with when the caller names none. */
    defaultPreset: GenerationPreset;
    output: typeof imagesOutput;
  };

export type Trainer<
  Endpoint extends string = string,
  Name extends string = string,
  F extends Fields = Fields,
  R extends Fields = Fields,
> = Model<Endpoint, Name, F, R> &
  Derived & {
    kind: 'TRAINING';
    price: Price<'TRAINING'>;
    presets: { readonly [Preset in TrainingPreset]: Numbers<F> };
    stepsField: keyof F & string;
    /** fal's name for the URL of the archive that it learns from. */
    archiveField: string;
    /** fal's name for the words that stand for the avatar in prompts; undefined when it takes none. */
    triggerField: string | undefined;
    /** The same without the archive, as a job's row stores it. */
    settingsInput: InputSchema;
    output: (typeof trainingOutputs)[Artefact];
  };

/** An input as it goes over the wire. */
export type FalInput = Record<string, z.core.util.JSONType>;
type InputSchema = z.ZodType<FalInput>;

/** The path in fal's input of the trained model that it draws with. */
export const artefactField: Record<Artefact, string> = { LORA: 'loras.0.path', FINETUNE: 'finetune_id' };

export const outputFormats = {
  name: 'OutputFormat',
  description: 'The file format of the pictures.',
  values: { jpeg: 'Small files.', png: 'Lossless. The files are several times as large.' },
} as const;

/** The settings that every drawing model has. */
export const drawingFields = {
  numImages: integer({ fal: 'num_images', min: 1, max: 4, default: 1, description: 'The number of pictures.' }),
  outputFormat: choice({
    fal: 'output_format',
    choices: outputFormats,
    default: 'jpeg',
    description: 'The file format of the pictures.',
  }),
  seed: optionalInteger({
    fal: 'seed',
    description: 'The same seed, prompt and settings draw the same picture. Without a seed, fal picks one at random.',
  }),
} satisfies Fields;

export type OutputFormat = ValuesOf<typeof drawingFields>['outputFormat'];
/** The values of the settings that every drawing model has. */
export type CommonSettings = ValuesOf<typeof drawingFields>;

export function defineDrawingModel<
  const Endpoint extends string,
  const Name extends string,
  F extends Fields,
  R extends Fields,
>(
  described: Omit<DrawingModel<Endpoint, Name, F, R>, 'kind' | 'output' | keyof Derived>,
): DrawingModel<Endpoint, Name, F, R> {
  const { fields, readOnlyFields, artefact } = described;
  const input = inputSchema([
    ['prompt', z.string().min(1)],
    ...schemasOf(drawingFields),
    [artefactField[artefact], z.string().min(1)],
    ...schemasOf(fields),
    ...schemasOf(readOnlyFields),
  ]);
  return { ...described, kind: 'GENERATION', input, steps: stepsOf(described), output: imagesOutput };
}

export function defineTrainer<
  const Endpoint extends string,
  const Name extends string,
  F extends Fields,
  R extends Fields,
>(
  described: Omit<Trainer<Endpoint, Name, F, R>, 'kind' | 'settingsInput' | 'triggerField' | 'output' | keyof Derived>,
): Trainer<Endpoint, Name, F, R> {
  const { fields, readOnlyFields, artefact, archiveField } = described;
  const settings = [...schemasOf(fields), ...schemasOf(readOnlyFields)];
  return {
    ...described,
    kind: 'TRAINING',
    input: inputSchema([[archiveField, httpUrl], ...settings]),
    settingsInput: inputSchema(settings),
    steps: stepsOf(described),
    triggerField: Object.values({ ...fields, ...readOnlyFields }).find(({ from }) => from === 'trigger')?.fal,
    output: trainingOutputs[artefact],
  };
}

function stepsOf({ fields, stepsField }: { fields: Fields; stepsField: string | undefined }): Derived['steps'] {
  const field = stepsField === undefined ? undefined : fields[stepsField];
  return field && { fal: field.fal, default: Number(field.default) };
}

const schemasOf = (fields: Fields) =>
  Object.values(fields).map(({ fal, schema }): [string, z.ZodType] => [fal, schema]);

/** fal's input from the schema at each path. `loras.0.path` and `loras.0.scale` make a list of objects of both. */
function inputSchema(schemas: [path: string, schema: z.ZodType][]): InputSchema {
  const shape: Record<string, z.ZodType> = {};
  const entries: Record<string, Record<string, z.ZodType>> = {};
  for (const [path, schema] of schemas) {
    const [name = '', , inner] = path.split('.');
    if (inner === undefined) shape[name] = schema;
    else entries[name] = { ...entries[name], [inner]: schema };
    const entry = entries[name];
    if (entry !== undefined) shape[name] = z.array(z.strictObject(entry)).default([]);
  }
  return z.strictObject(shape) as z.ZodType as InputSchema;
}

/** The answer of a drawing endpoint. Sizes and types may be missing: the server reads them from the picture. */
export const imagesOutput = z.object({
  images: z.array(
    z.object({
      url: httpUrl,
      width: z.number().nullish(),
      height: z.number().nullish(),
      content_type: z.string().nullish(),
    }),
  ),
  /** Can exceed 2^53: result() then gives its digits as a string. */
  seed: z.union([z.number(), z.string()]).nullish(),
  has_nsfw_concepts: z.array(z.boolean()).nullish(),
});

const file = z.object({
  url: httpUrl,
  content_type: z.string().nullish(),
  file_name: z.string().nullish(),
  file_size: z.number().nullish(),
});

/** The answer of a trainer, by the kind of model that it makes. */
export const trainingOutputs = {
  LORA: z.object({ diffusers_lora_file: file, config_file: file }),
  FINETUNE: z.object({ finetune_id: z.string().min(1) }),
} satisfies Record<Artefact, z.ZodType>;
