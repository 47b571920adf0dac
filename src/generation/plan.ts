/** Pure: from what the caller asks of an avatar to what fal is sent. */
import type { Avatar, GenerationPreset } from '../../prisma/generated/client/client.ts';
import { type EndpointInput, endpoints } from '../fal/endpoints.ts';
import { type FalMode, urlForFal } from '../fal/url.ts';
import { type InputIssue, InvalidInputError } from '../refusal/refusal.ts';
import type { ImageSizeName } from './presets.ts';
import { promptIssues, routeGeneration, seedIssues, ultraIssues } from './rules.ts';
import { inputIssues } from './settings/names.ts';
import {
  type Drawing,
  endpointOf,
  type FluxLoraSettings,
  type FluxProFinetunedSettings,
  type FluxProUltraFinetunedSettings,
  type ImageSize,
  type Model,
  models,
  type OutputFormat,
  presetSettings,
} from './settings/settings.ts';
import { falInput } from './settings/wire.ts';
import { withTrigger } from './trigger.ts';

type Given<Type> = { [Key in keyof Type]?: Type[Key] | null | undefined };

export type ImageSizeInput = Given<{ preset: ImageSizeName; width: number; height: number }>;

/** A model's settings as a caller gives them: any of them, the rest is the preset's. */
type Own<Settings> = Given<
  Omit<Settings, 'model' | 'imageSize' | 'referenceImageUrl' | keyof Drawing> & {
    [Key in keyof Settings & ('imageSize' | 'referenceImageUrl')]: Key extends 'imageSize' ? ImageSizeInput : URL;
  }
>;

/** One model's, by its name. */
export type SettingsInput = Given<{
  fluxLora: Own<FluxLoraSettings>;
  fluxProFinetuned: Own<FluxProFinetunedSettings>;
  fluxProUltraFinetuned: Own<Omit<FluxProUltraFinetunedSettings, 'enableSafetyChecker'>>;
}>;

export type GenerationInput = { prompt: string } & Given<{
  preset: GenerationPreset;
  numImages: number;
  seed: number;
  outputFormat: OutputFormat;
  settings: SettingsInput;
}>;

/** A new generation's columns. */
export type DrawingPlan = {
  endpoint: (typeof endpointOf)[Model];
  input: EndpointInput<(typeof endpointOf)[Model]>;
  prompt: string;
  finalPrompt: string;
  generationPreset: GenerationPreset | null;
};

/** Throws InvalidInputError with everything that is wrong. The avatar may generate: assertMayGenerate has said so. */
export function planDrawing(avatar: Avatar, asked: GenerationInput, falMode: FalMode): DrawingPlan {
  const preset = asked.preset ?? null;
  const prompt = asked.prompt.trim();
  const finalPrompt = withTrigger(prompt, avatar.triggerPhrase ?? avatar.triggerWord ?? '');
  const drawing: Drawing = {
    numImages: asked.numImages ?? 1,
    outputFormat: asked.outputFormat ?? 'jpeg',
    seed: asked.seed ?? null,
  };
  const issues = [
    ...promptIssues(prompt, finalPrompt),
    ...seedIssues(drawing.seed),
    ...(preset === 'ULTRA' ? ultraIssues(drawing) : []),
  ];

  const named = models.find((model) => asked.settings?.[model]);
  const route = routeGeneration(avatar.kind, preset, named);
  if ('issue' in route) throw new InvalidInputError([...issues, route.issue]);

  const own = readOwn(`settings.${named}`, (named && asked.settings?.[named]) ?? {}, falMode);
  const settings = { ...presetSettings(route.model, preset), ...own.values, ...drawing };
  const input = falInput(settings, finalPrompt, avatar);
  issues.push(...own.issues, ...inputIssues(route.model, input));
  if (issues.length > 0) throw new InvalidInputError(issues);

  const endpoint = endpointOf[route.model];
  return { endpoint, input: endpoints[endpoint].input.parse(input), prompt, finalPrompt, generationPreset: preset };
}

/** A model's settings without those that were not given, the shapes that only inputs have taken apart. */
function readOwn(path: string, own: Own<FluxLoraSettings> | Own<FluxProUltraFinetunedSettings>, falMode: FalMode) {
  const values: Record<string, unknown> = {};
  const issues: InputIssue[] = [];
  for (const [name, value] of Object.entries(own)) {
    if (value === null || value === undefined) continue;
    if (name === 'imageSize') {
      const size = imageSizeOf(value as ImageSizeInput);
      if (size === undefined) issues.push({ path: `${path}.${name}`, message: 'Takes a preset, or width and height.' });
      else values[name] = size;
    } else if (name === 'referenceImageUrl') {
      const url = urlForFal(falMode).safeParse(value);
      if (url.success) values[name] = url.data;
      else issues.push(...url.error.issues.map(({ message }) => ({ path: `${path}.${name}`, message })));
    } else {
      values[name] = value;
    }
  }
  return { values, issues };
}

/** Undefined unless it is either a name or both of its sides. */
function imageSizeOf({ preset, width, height }: ImageSizeInput): ImageSize | undefined {
  const hasSides = typeof width === 'number' && typeof height === 'number';
  // A null is as if it were not there.
  if (preset) return (width ?? height ?? undefined) === undefined ? preset : undefined;
  return hasSides ? { width, height } : undefined;
}
