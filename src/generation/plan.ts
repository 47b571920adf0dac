/** Pure: turns the caller's input into fal's input, and estimates how long fal takes and what to warn about. */
import type { Avatar, GenerationPreset, Job } from '../../prisma/generated/client/client.ts';
import type { EndpointId } from '../fal/endpoints.ts';
import {
  type Artefact,
  artefactField,
  type CommonSettings,
  type DrawingModel,
  type FalInput,
  type OutputFormat,
} from '../fal/model.ts';
import { encodeSettings, inputIssues, readGiven, type Settings, warningsOf, writeAt } from '../fal/settings.ts';
import type { FalMode } from '../fal/url.ts';
import { type InputIssue, InvalidInputError } from '../refusal/invalid-input.ts';
import { onlyIssues, promptIssues, routeGeneration, seedIssues } from './rules.ts';
import {
  type GenerationSettings,
  modelOf,
  models,
  presetSettings,
  readSettings,
  type SettingsInput,
} from './settings.ts';
import { withTrigger } from './trigger.ts';

export type GenerationInput = {
  prompt: string;
  preset?: GenerationPreset | null | undefined;
  numImages?: number | null | undefined;
  seed?: number | null | undefined;
  outputFormat?: OutputFormat | null | undefined;
  settings?: SettingsInput | null | undefined;
};

/** A new generation's columns, and how many images its price is for. */
export type DrawingPlan = {
  endpoint: EndpointId;
  input: FalInput;
  prompt: string;
  finalPrompt: string;
  generationPreset: GenerationPreset | null;
  units: number;
};

/** The avatar's trained model. A READY portrait has a LoRA file, a READY style a finetune id. */
type AvatarModel = Pick<Avatar, 'diffusersLoraFileUrl' | 'finetuneId'>;

/** Throws InvalidInputError with every issue. The avatar must be one that assertMayGenerate lets through. */
export function planDrawing(avatar: Avatar, request: GenerationInput, falMode: FalMode): DrawingPlan {
  const preset = request.preset ?? null;
  const prompt = request.prompt.trim();
  const finalPrompt = withTrigger(prompt, avatar.triggerPhrase ?? avatar.triggerWord ?? '');
  const common: CommonSettings = {
    numImages: request.numImages ?? 1,
    outputFormat: request.outputFormat ?? 'jpeg',
    seed: request.seed ?? null,
  };
  const issues: InputIssue[] = [...promptIssues(prompt, finalPrompt), ...seedIssues(common.seed)];

  const given: Record<string, object | null | undefined> = request.settings ?? {};
  const named = models.find(({ name }) => given[name]);
  const route = routeGeneration(avatar.kind, preset, named?.name);
  if ('issue' in route) throw new InvalidInputError([...issues, route.issue]);
  const { model } = route;

  const own = readGiven(model, given[model.name] ?? {}, falMode);
  const settings = { ...presetSettings(model, preset), ...own.values, ...common };
  const input = falInput(model, settings, finalPrompt, avatar);
  issues.push(...onlyIssues(model, preset, common), ...own.issues, ...inputIssues(model, model.input, input));
  if (issues.length > 0) throw new InvalidInputError(issues);
  return columnsOf(model, input, { prompt, finalPrompt, generationPreset: preset });
}

/**
 * The columns of a generation that repeats another one, with the model that the avatar has now. Throws when the avatar has
 * none for that endpoint.
 */
export function planRetry(avatar: AvatarModel, job: Job): DrawingPlan {
  const model = modelOf(job.endpoint);
  const { prompt, finalPrompt, generationPreset } = job;
  const input = falInput(model, readSettings(job.endpoint, job.input), finalPrompt ?? '', avatar);
  return columnsOf(model, input, { prompt: prompt ?? '', finalPrompt: finalPrompt ?? '', generationPreset });
}

function columnsOf(
  model: DrawingModel,
  input: Record<string, unknown>,
  columns: Pick<DrawingPlan, 'prompt' | 'finalPrompt' | 'generationPreset'>,
): DrawingPlan {
  const checked = model.input.parse(input);
  const { numImages } = readSettings(model.endpoint, checked);
  return { ...columns, endpoint: model.endpoint as EndpointId, input: checked, units: numImages };
}

/** fal's input of these settings. Its ranges are not checked. */
function falInput(model: DrawingModel, settings: Settings, prompt: string, avatar: AvatarModel) {
  const input = { prompt, ...encodeSettings(model, settings) };
  writeAt(input, artefactField[model.artefact], artefactOf[model.artefact](avatar));
  return input;
}

const artefactOf: Record<Artefact, (avatar: AvatarModel) => string | null> = {
  LORA: ({ diffusersLoraFileUrl }) => diffusersLoraFileUrl,
  FINETUNE: ({ finetuneId }) => finetuneId,
};

/**
 * How many seconds fal typically takes with these settings, without the time in its queue: those of the model's preset with
 * the nearest number of steps. Of two that are equally near, the slower one.
 */
export function typicalSeconds(settings: GenerationSettings): { min: number; max: number } {
  const model = modelNamed(settings.model);
  const steps = stepsOf(model, settings);
  const presets = Object.values(model.presets).map((preset) => ({
    distance: Math.abs(stepsOf(model, preset.settings) - steps),
    seconds: preset.typicalSeconds,
  }));
  const [nearest] = presets.sort((a, b) => a.distance - b.distance || b.seconds.max - a.seconds.max);
  if (nearest === undefined) throw new TypeError(`${model.name} has no preset.`);
  return nearest.seconds;
}

/** Warnings for the caller, one sentence each. The preset's own numbers never cause one. */
export function generationWarnings(settings: GenerationSettings, preset: GenerationPreset | null): string[] {
  const model = modelNamed(settings.model);
  return warningsOf(model, settings, presetSettings(model, preset));
}

function stepsOf({ stepsField }: DrawingModel, settings: Settings): number {
  return stepsField === undefined ? 0 : Number(settings[stepsField]);
}

function modelNamed(name: string): DrawingModel {
  const model = models.find((each) => each.name === name);
  if (model === undefined) throw new TypeError(`There is no model ${name}.`);
  return model;
}
