/** Pure: turns the caller's settings into the trainer's input, and decides what to warn about. */
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
 * The caller's settings take precedence over those that depend on the avatar, and these over the preset's. Throws
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

/** The settings of an earlier job. Throws if its input is not a valid input of the endpoint. */
export function planRetry(job: { endpoint: string; input: unknown }): TrainingPlan {
  const trainer = trainerOf(job.endpoint);
  return { endpoint: trainer.endpoint as EndpointId, input: trainer.settingsInput.parse(job.input) };
}

function checked(trainer: Trainer, input: Record<string, unknown>): TrainingPlan {
  const issues = inputIssues(trainer, trainer.settingsInput, input);
  if (issues.length > 0) throw new InvalidInputError(issues);
  return { endpoint: trainer.endpoint as EndpointId, input: trainer.settingsInput.parse(input) };
}

/** Null means the same as absent: the preset applies. */
const withoutNulls = (given: Settings): Settings =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null && value !== undefined));

/** Warnings for the caller, one sentence each. The preset's own numbers never cause one. */
export function trainingWarnings(
  { endpoint, input }: { endpoint: string; input: unknown },
  preset: TrainingPreset | null,
): string[] {
  const trainer = trainerOf(endpoint);
  return warningsOf(trainer, readSettings(endpoint, input), preset === null ? {} : presetSettings(trainer, preset));
}
