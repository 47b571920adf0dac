/** Starts, plans and retries trainings. The avatar's kind and the settings decide the trainer. */
import type { z } from 'zod';
import type { Avatar, Job, TrainingPreset } from '../../prisma/generated/client/client.ts';
import type { Viewer } from '../access/session.ts';
import type { App } from '../app/app.ts';
import { findAvatar, lockAvatar } from '../avatar/find-avatar.ts';
import type { AvatarKey } from '../avatar/key.ts';
import type { Tx } from '../database/client.ts';
import { idempotencyOf } from '../job/commands/idempotency.ts';
import {
  JobActiveError,
  type JobPlan,
  type JobRequest,
  type NewJob,
  planJob,
  startJob,
} from '../job/commands/start-job.ts';
import { isEnded } from '../job/state.ts';
import { parseInput } from '../refusal/invalid-input.ts';
import { planRetry, planSettings, type TrainingPlan } from './plan.ts';
import { assertDatasetReady, startTrainingInput } from './rules.ts';

/** What starting a training needs of the app. */
export type StartParts = Pick<App, 'prisma' | 'events' | 'steps' | 'files' | 'falMode' | 'now' | 'metering'>;

export type StartTraining = z.input<ReturnType<typeof startTrainingInput>> & { avatar: AvatarKey };

/**
 * Starts to train an avatar from its photos, or from a ready archive. An avatar without a model is TRAINING until the job
 * has ended; a READY one stays READY. Throws InvalidInputError, NotFoundError, DatasetNotReadyError, JobActiveError,
 * IdempotencyConflictError, EndpointRetiredError, InsufficientCreditsError, LimitReachedError.
 */
export async function startTraining(app: StartParts, viewer: Viewer, input: StartTraining): Promise<Job> {
  return await startJob(app, viewer, newTraining(app, viewer, input));
}

/** What startTraining would start, and what it would cost. Takes no lock and writes nothing. Throws what it would throw. */
export async function planTraining(app: StartParts, viewer: Viewer, input: StartTraining): Promise<JobPlan> {
  return await planJob(app, viewer, newTraining(app, viewer, input));
}

/**
 * Starts a new training with the settings of an ended one, from its archive or from the avatar's current photos. Throws
 * JobActiveError while the old one runs, and what startTraining throws but InvalidInputError and IdempotencyConflictError.
 */
export async function retryTraining(app: StartParts, viewer: Viewer, job: Job): Promise<Job> {
  return await startJob(app, viewer, repeatedTraining(viewer, job));
}

/** Throws InvalidInputError. */
function newTraining(app: StartParts, viewer: Viewer, { avatar: key, ...input }: StartTraining): JobRequest<Avatar> {
  const { idempotencyKey, ...training } = parseInput(startTrainingInput(app.falMode), input);
  return {
    ...avatarOf(viewer, key),
    idempotency: idempotencyOf('startTraining', idempotencyKey, { avatarId: key.id, ...training }),
    plan: (db, avatar) =>
      planOf(db, avatar, {
        preset: training.preset,
        ...planSettings(avatar, training.preset, training.settings ?? {}),
        datasetUrl: training.datasetUrl ?? null,
      }),
    record: markTraining,
  };
}

/** Throws JobActiveError. */
function repeatedTraining(viewer: Viewer, job: Job): JobRequest<Avatar> {
  if (!isEnded(job.status)) {
    throw new JobActiveError('This training has not ended yet. Wait for its end, or cancel it first.', job);
  }
  return {
    ...avatarOf(viewer, { id: job.avatarId }),
    idempotency: undefined,
    async plan(db, avatar): Promise<NewJob> {
      const training = await planOf(db, avatar, {
        preset: job.trainingPreset,
        ...planRetry(job),
        // With no photos the archive was the caller's own. Else this server packed it, and packs the photos of now.
        datasetUrl: job.photoCount === 0 ? job.datasetUrl : null,
      });
      return { ...training, retryOfId: job.id };
    },
    record: markTraining,
  };
}

const avatarOf = (viewer: Viewer, key: AvatarKey): Pick<JobRequest<Avatar>, 'lock' | 'find'> => ({
  lock: (tx) => lockAvatar(tx, viewer, key),
  find: (db) => findAvatar(db, viewer, key),
});

type TrainingRequest = TrainingPlan & { preset: TrainingPreset | null; datasetUrl: string | null };

/** Checks the rules, reads only. Throws JobActiveError, DatasetNotReadyError. */
async function planOf(db: Tx, avatar: Avatar, request: TrainingRequest): Promise<NewJob> {
  const { endpoint, input, preset, datasetUrl } = request;
  const active = await db.job.findFirst({ where: { avatarId: avatar.id, kind: 'TRAINING', finishedAt: null } });
  if (active !== null) {
    throw new JobActiveError(
      'This avatar is being trained already. Wait for the end, or cancel that training first.',
      active,
    );
  }
  const photoCount = datasetUrl === null ? await db.photo.count({ where: { avatarId: avatar.id } }) : 0;
  if (datasetUrl === null) assertDatasetReady(photoCount);
  return {
    avatarId: avatar.id,
    kind: 'TRAINING',
    endpoint,
    input,
    units: 1,
    trainingPreset: preset,
    photoCount,
    datasetUrl,
  };
}

async function markTraining(tx: Tx, { id, status }: Avatar): Promise<void> {
  if (status !== 'READY') await tx.avatar.update({ where: { id }, data: { status: 'TRAINING' } });
}
