/** Pure: from what a caller asks of an avatar to what its trainer is sent, and what the caller is warned of. */
import type { Avatar, TrainingPreset } from '../../prisma/generated/client/client.ts';
import type { EndpointId } from '../fal/endpoints.ts';
import type { FalInput, Trainer } from '../fal/model.ts';
import { encodeSettings, inputIssues, type Settings, warningsOf } from '../fal/settings.ts';
import { InvalidInputError } from '../refusal/invalid-input.ts';
import { routeTraining } from './rules.ts';
import { presetSettings, readSettings, type SettingsInput, settingsFrom, trainerOf, trainers } from './settings.ts';

/** A new training's columns that follow from its settings. The input lacks the archive, which is uploaded later. */
export type TrainingPlan = { endpoint: EndpointId; input: FalInput };

/**
 * The settings of the preset, those that follow from the avatar and those that the caller gave, the last one first. Throws
 * InvalidInputError with every issue.
 */
export function planSettings(avatar: Avatar, preset: TrainingPreset, given: SettingsInput): TrainingPlan {
  const ofTrainers: Record<string, Settings | null | undefined> = given;
  const named = trainers.find(({ name }) => ofTrainers[name]);
  const route = routeTraining(avatar.kind, named?.name);
  if ('issue' in route) throw new InvalidInputError([route.issue]);
  const { trainer } = route;
  const own = withoutNulls(ofTrainers[trainer.name] ?? {});
  const settings = { ...presetSettings(trainer, preset), ...settingsFrom(avatar, trainer), ...own };
  return checked(trainer, encodeSettings(trainer, settings));
}

/** The same settings again. Throws when the job's input is none that its endpoint takes. */
export function planRetry(job: { endpoint: string; input: unknown }): TrainingPlan {
  const trainer = trainerOf(job.endpoint);
  return { endpoint: trainer.endpoint as EndpointId, input: trainer.settingsInput.parse(job.input) };
}

function checked(trainer: Trainer, input: Record<string, unknown>): TrainingPlan {
  const issues = inputIssues(trainer, trainer.settingsInput, input);
  if (issues.length > 0) throw new InvalidInputError(issues);
  return { endpoint: trainer.endpoint as EndpointId, input: trainer.settingsInput.parse(input) };
}

/** A null is as if it were not there: the preset decides. */
const withoutNulls = (given: Settings): Settings =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null && value !== undefined));

/** What may not come out as the caller meant it, in sentences. The preset's own numbers never warn. */
export function trainingWarnings(
  { endpoint, input }: { endpoint: string; input: unknown },
  preset: TrainingPreset | null,
): string[] {
  const trainer = trainerOf(endpoint);
  return warningsOf(trainer, readSettings(endpoint, input), preset === null ? {} : presetSettings(trainer, preset));
}
