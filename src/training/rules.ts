/** Pure: checks the photos and the input of a training, and chooses the trainer. */
import { z } from 'zod';
import type { AvatarKind } from '../../prisma/generated/client/client.ts';
import type { Trainer } from '../fal/model.ts';
import { givenSchema } from '../fal/settings.ts';
import { type FalMode, urlForFal } from '../fal/url.ts';
import { photoLimits as ofPhotos } from '../photo/rules.ts';
import type { InputIssue } from '../refusal/invalid-input.ts';
import { Refusal } from '../refusal/refusal.ts';
import { presetNames } from './presets.ts';
import { type SettingsInput, trainers, trainersOf } from './settings.ts';

/** Photos that an avatar needs to be trained, and the most that it may have. */
export const photoLimits = { min: 10, max: ofPhotos.maxPhotos };

export type TrainingReadiness = {
  ready: boolean;
  photoCount: number;
  minPhotos: number;
  maxPhotos: number;
  /** What to do before a training, one sentence each; empty when ready. */
  missing: string[];
};

export function readinessOf(photoCount: number): TrainingReadiness {
  const { min, max } = photoLimits;
  const missing: string[] = [];
  if (photoCount < min) missing.push(`Add ${photos(min - photoCount, 'more ')}: it takes at least ${min}.`);
  if (photoCount > max) missing.push(`Remove ${photos(photoCount - max)}: it takes at most ${max}.`);
  return { ready: missing.length === 0, photoCount, minPhotos: min, maxPhotos: max, missing };
}

const photos = (count: number, more = '') => `${count} ${more}${count === 1 ? 'photo' : 'photos'}`;

/** The avatar has too few or too many photos for a training. */
export class DatasetNotReadyError extends Refusal {
  override name = 'DatasetNotReadyError';
  readonly readiness: TrainingReadiness;

  constructor(readiness: TrainingReadiness) {
    super(readiness.missing.join(' '));
    this.readiness = readiness;
  }
}

/** Throws DatasetNotReadyError. */
export function assertDatasetReady(photoCount: number): void {
  const readiness = readinessOf(photoCount);
  if (!readiness.ready) throw new DatasetNotReadyError(readiness);
}

/** The trainer that the caller's settings name, or else the first for the avatar's kind. Returns an issue if none fits. */
export function routeTraining(
  kind: AvatarKind,
  named: string | undefined,
): { trainer: Trainer } | { issue: InputIssue } {
  const fitting = trainersOf(kind);
  const trainer = named === undefined ? fitting[0] : fitting.find(({ name }) => name === named);
  if (trainer !== undefined) return { trainer };
  const message = `A ${kind.toLowerCase()} is trained by ${fitting.map(({ name }) => name).join(' or ')}.`;
  return { issue: { path: `settings.${named}`, message } };
}

/** Checks types only. fal's ranges are checked later, once the preset is filled in: see planSettings. */
export function startTrainingInput(mode: FalMode) {
  const given = ({ fields }: Trainer) =>
    z.object(mapValues(fields, (field, name) => givenSchema(name, field, mode).nullish()));
  const settings = Object.fromEntries(trainers.map((trainer) => [trainer.name, given(trainer).nullish()]));
  return z.object({
    preset: z
      .enum(presetNames)
      .nullish()
      .transform((preset) => preset ?? 'BALANCED'),
    settings: (z.object(settings) as unknown as z.ZodType<SettingsInput, SettingsInput>).nullish(),
    datasetUrl: urlForFal(mode).nullish(),
    idempotencyKey: z.string().nullish(),
  });
}

const mapValues = <From, To>(from: Readonly<Record<string, From>>, map: (value: From, name: string) => To) =>
  Object.fromEntries(Object.entries(from).map(([name, value]) => [name, map(value, name)]));
