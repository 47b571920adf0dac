/** Pure: what may be trained, and with what. */
import { z } from 'zod';
import type { AvatarKind } from '../../prisma/generated/client/client.ts';
import { line } from '../avatar/rules.ts';
import { type FalMode, urlForFal } from '../fal/url.ts';
import { photoLimits as ofPhotos } from '../photo/rules.ts';
import { type InputIssue, Refusal } from '../refusal/refusal.ts';
import { presetNames } from './presets.ts';
import { type Trainer, trainerOf } from './settings/settings.ts';

/** Photos that an avatar needs to be trained, and the most that it may have. */
export const photoLimits = { min: 10, max: ofPhotos.maxPhotos };

export type TrainingReadiness = {
  ready: boolean;
  photoCount: number;
  minPhotos: number;
  maxPhotos: number;
  /** What has to be done first, a sentence each; empty when ready. */
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

/** The avatar has too few photos to be trained, or too many. */
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

/** Settings name their trainer, and the avatar's kind has its own. */
export function trainerIssues(kind: AvatarKind, named: Trainer | undefined): InputIssue[] {
  if (named === undefined || named === trainerOf[kind]) return [];
  return [{ path: `settings.${named}`, message: `A ${kind.toLowerCase()} is trained by ${trainerOf[kind]}.` }];
}

/** Ranges are the endpoint's and checked with the preset filled in; see names.ts. */
const portraitOverrides = z.object({
  steps: z.int().nullish(),
  learningRate: z.number().nullish(),
  multiresolutionTraining: z.boolean().nullish(),
  subjectCrop: z.boolean().nullish(),
  createMasks: z.boolean().nullish(),
});

const styleOverrides = z.object({
  mode: z.enum(['character', 'product', 'style', 'general']).nullish(),
  iterations: z.int().nullish(),
  learningRate: z.number().nullish(),
  priority: z.enum(['speed', 'quality', 'high_res_only']).nullish(),
  captioning: z.boolean().nullish(),
  loraRank: z.int().nullish(),
  finetuneType: z.enum(['full', 'lora']).nullish(),
  comment: line('A comment', 1, 200).nullish(),
});

export type Overrides = {
  fluxLoraPortraitTrainer?: z.output<typeof portraitOverrides> | null | undefined;
  fluxProTrainer?: z.output<typeof styleOverrides> | null | undefined;
};

export function startTrainingInput(mode: FalMode) {
  return z.object({
    preset: z
      .enum(presetNames)
      .nullish()
      .transform((preset) => preset ?? 'BALANCED'),
    settings: z
      .object({ fluxLoraPortraitTrainer: portraitOverrides.nullish(), fluxProTrainer: styleOverrides.nullish() })
      .nullish(),
    datasetUrl: urlForFal(mode).nullish(),
    idempotencyKey: z.string().nullish(),
  });
}
