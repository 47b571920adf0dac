/** What can be done about trainings, one transaction each. */
import type { Avatar, Job, TrainingPreset } from '../../prisma/generated/client/client.ts';
import type { App, Viewer } from '../app/app.ts';
import type { AvatarKey } from '../avatar/key.ts';
import { lockAvatar } from '../avatar/lock.ts';
import type { Tx } from '../database/client.ts';
import { idempotencyOf } from '../job/commands/idempotency.ts';
import { JobActiveError, type JobPlan, type NewJob, planJob, startJob } from '../job/commands/start-job.ts';
import { isEnded } from '../job/state.ts';
import { InvalidInputError, parseInput } from '../refusal/refusal.ts';
import { assertDatasetReady, type Overrides, startTrainingInput, trainerIssues } from './rules.ts';
import { checkedInput } from './settings/names.ts';
import { endpointOf, presetSettings, type Trainer, trainerOf } from './settings/settings.ts';
import { inputOf, type TrainingInput, trainerOfEndpoint } from './settings/wire.ts';

type Parts = Pick<App, 'prisma' | 'events' | 'steps' | 'files' | 'falMode' | 'now' | 'metering'>;

/**
 * Starts to train an avatar from its photos, or from a ready archive. An avatar without a model is TRAINING until the job
 * has ended; a READY one stays READY. Throws InvalidInputError, NotFoundError, DatasetNotReadyError, JobActiveError, IdempotencyConflictError,
 * EndpointRetiredError, InsufficientCreditsError, LimitReachedError.
 */
export async function startTraining(app: Parts, viewer: Viewer, key: AvatarKey, input: unknown): Promise<Job> {
  const { idempotency, create } = asked(app, viewer, key, input);
  return await startJob(app, viewer, idempotency, create);
}

/** What startTraining would do, and nothing done. Throws what it would throw. */
export async function planTraining(app: Parts, viewer: Viewer, key: AvatarKey, input: unknown): Promise<JobPlan> {
  const { idempotency, create } = asked(app, viewer, key, input);
  return await planJob(app, viewer, idempotency, create);
}

/** Throws InvalidInputError. */
function asked(app: Parts, viewer: Viewer, key: AvatarKey, input: unknown) {
  const { idempotencyKey, ...parsed } = parseInput(startTrainingInput(app.falMode), input);
  const create = async (tx: Tx): Promise<NewJob> => {
    await app.files.assertSpace();
    const avatar = await lockAvatar(tx, viewer, key);
    return await newTraining(tx, avatar, {
      preset: parsed.preset,
      input: inputFor(avatar, parsed.preset, parsed.settings ?? {}),
      datasetUrl: parsed.datasetUrl ?? null,
    });
  };
  return { idempotency: idempotencyOf('startTraining', idempotencyKey, { avatarId: key.id, ...parsed }), create };
}

/**
 * Starts a training with the input of one that has ended: the same settings and archive, or the avatar's photos as they
 * are now. Throws NotFoundError, DatasetNotReadyError, JobActiveError, EndpointRetiredError, LimitReachedError.
 */
export async function retryTraining(app: Parts, viewer: Viewer, job: Job): Promise<Job> {
  if (!isEnded(job.status)) {
    throw new JobActiveError('This training has not ended yet. Wait for its end, or cancel it first.', job);
  }
  return startJob(app, viewer, undefined, async (tx) => {
    await app.files.assertSpace();
    const avatar = await lockAvatar(tx, viewer, { id: job.avatarId });
    const training = await newTraining(tx, avatar, {
      preset: job.trainingPreset,
      input: inputOf[trainerOfEndpoint(job.endpoint)].parse(job.input),
      // Of no photos: the archive is the caller's own. Else it was packed from the photos then, and is packed anew.
      datasetUrl: job.photoCount === 0 ? job.datasetUrl : null,
    });
    return { ...training, retryOfId: job.id };
  });
}

type What = { preset: TrainingPreset | null; input: TrainingInput; datasetUrl: string | null };

/** Checks the rules and says that the avatar is being trained, in the transaction that holds its lock. */
async function newTraining(tx: Tx, avatar: Avatar, { preset, input, datasetUrl }: What): Promise<NewJob> {
  const active = await tx.job.findFirst({ where: { avatarId: avatar.id, kind: 'TRAINING', finishedAt: null } });
  if (active !== null) {
    throw new JobActiveError(
      'This avatar is being trained already. Wait for the end, or cancel that training first.',
      active,
    );
  }
  const photoCount = datasetUrl === null ? await tx.photo.count({ where: { avatarId: avatar.id } }) : 0;
  if (datasetUrl === null) assertDatasetReady(photoCount);
  if (avatar.status !== 'READY') await tx.avatar.update({ where: { id: avatar.id }, data: { status: 'TRAINING' } });
  return {
    avatarId: avatar.id,
    kind: 'TRAINING',
    endpoint: endpointOf[trainerOf[avatar.kind]],
    input,
    units: 1,
    trainingPreset: preset,
    photoCount,
    datasetUrl,
  };
}

/** The preset, what the caller gave over it, and what follows from the avatar, as fal's input. Throws InvalidInputError. */
function inputFor(avatar: Avatar, preset: TrainingPreset, overrides: Overrides): TrainingInput {
  const [named] = (['fluxLoraPortraitTrainer', 'fluxProTrainer'] as const).filter((trainer) => overrides[trainer]);
  const misnamed = trainerIssues(avatar.kind, named);
  if (misnamed.length > 0) throw new InvalidInputError(misnamed);
  const trainer = trainerOf[avatar.kind];
  const settings = { ...presetSettings(trainer, preset), ...fromAvatar(avatar), ...given(overrides, trainer) };
  const checked = checkedInput(settings);
  if ('issues' in checked) throw new InvalidInputError(checked.issues);
  return checked.input;
}

function fromAvatar({ kind, name, triggerPhrase, triggerWord }: Avatar) {
  return kind === 'PORTRAIT' ? { triggerPhrase: triggerPhrase ?? triggerWord } : { triggerWord, comment: name };
}

/** A null is as if it were not there: the preset decides. */
function given(overrides: Overrides, trainer: Trainer) {
  return Object.fromEntries(
    Object.entries(overrides[trainer] ?? {}).filter(([, value]) => value !== null && value !== undefined),
  );
}
