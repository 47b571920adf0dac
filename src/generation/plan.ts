/** Pure: from what a caller asks of an avatar to what fal is sent, how long that takes, and what the caller is warned of. */
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

/** What fal knows the avatar by. A READY portrait has the one, a READY style the other. */
type AvatarModel = Pick<Avatar, 'diffusersLoraFileUrl' | 'finetuneId'>;

/** Throws InvalidInputError with every issue. The avatar must be one that assertMayGenerate lets through. */
export function planDrawing(avatar: Avatar, asked: GenerationInput, falMode: FalMode): DrawingPlan {
  const preset = asked.preset ?? null;
  const prompt = asked.prompt.trim();
  const finalPrompt = withTrigger(prompt, avatar.triggerPhrase ?? avatar.triggerWord ?? '');
  const common: CommonSettings = {
    numImages: asked.numImages ?? 1,
    outputFormat: asked.outputFormat ?? 'jpeg',
    seed: asked.seed ?? null,
  };
  const issues: InputIssue[] = [...promptIssues(prompt, finalPrompt), ...seedIssues(common.seed)];

  const given: Record<string, object | null | undefined> = asked.settings ?? {};
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
 * How long fal takes as a rule for these settings, without the time in its queue: as long as the model's preset whose
 * steps are nearest to theirs, and the slower one of two that are equally near.
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

/** What may not come out as the caller meant it, in sentences. The preset's own numbers never warn. */
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
