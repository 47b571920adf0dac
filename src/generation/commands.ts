/** Starts, plans and retries generations. The avatar's kind, the preset and the settings decide the fal endpoint. */
import type { Avatar, Job } from '../../prisma/generated/client/client.ts';
import type { Viewer } from '../access/session.ts';
import type { App } from '../app/app.ts';
import { findAvatar, lockAvatar } from '../avatar/find-avatar.ts';
import type { AvatarKey } from '../avatar/key.ts';
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
import { type GenerationInput, planDrawing, planRetry } from './plan.ts';
import { AvatarRuleError, assertMayGenerate } from './rules.ts';

/** What starting a generation needs of the app. */
export type StartParts = Pick<App, 'prisma' | 'events' | 'steps' | 'files' | 'falMode' | 'log' | 'now' | 'metering'>;

export type StartGeneration = GenerationInput & { avatar: AvatarKey; idempotencyKey?: string | null | undefined };

/**
 * Throws InvalidInputError, NotFoundError, AvatarNotReadyError, AvatarRuleError, IdempotencyConflictError,
 * EndpointRetiredError, InsufficientCreditsError, LimitReachedError.
 */
export async function startGeneration(app: StartParts, viewer: Viewer, input: StartGeneration): Promise<Job> {
  return await startJob(app, viewer, newGeneration(app, viewer, input));
}

/** What startGeneration would start, and what it would cost. Takes no lock and writes nothing. Throws what it would throw. */
export async function planGeneration(app: StartParts, viewer: Viewer, input: StartGeneration): Promise<JobPlan> {
  return await planJob(app, viewer, newGeneration(app, viewer, input));
}

/**
 * Starts a new generation with the settings and prompt of an ended one, under the present rules and with the avatar's current
 * model. Throws JobActiveError while the old one runs, and what startGeneration throws but InvalidInputError and
 * IdempotencyConflictError.
 */
export async function retryGeneration(app: StartParts, viewer: Viewer, job: Job): Promise<Job> {
  return await startJob(app, viewer, repeatedGeneration(app, viewer, job));
}

/** Throws InvalidInputError. */
function newGeneration(app: StartParts, viewer: Viewer, input: StartGeneration): JobRequest<Avatar> {
  const { idempotencyKey, ...drawing } = input;
  return {
    ...avatarOf(viewer, input.avatar),
    idempotency: idempotencyOf('startGeneration', idempotencyKey, drawing),
    async plan(_db, avatar): Promise<NewJob> {
      checkAvatar(app, avatar);
      return { ...planDrawing(avatar, drawing, app.falMode), avatarId: avatar.id, kind: 'GENERATION' };
    },
  };
}

/** Throws JobActiveError. */
function repeatedGeneration(app: StartParts, viewer: Viewer, job: Job): JobRequest<Avatar> {
  if (!isEnded(job.status)) {
    throw new JobActiveError('This generation has not ended. Wait for it, or cancel it first.', job);
  }
  return {
    ...avatarOf(viewer, { id: job.avatarId }),
    idempotency: undefined,
    async plan(_db, avatar): Promise<NewJob> {
      checkAvatar(app, avatar);
      return { ...planRetry(avatar, job), avatarId: avatar.id, kind: 'GENERATION', retryOfId: job.id };
    },
  };
}

const avatarOf = (viewer: Viewer, key: AvatarKey): Pick<JobRequest<Avatar>, 'lock' | 'find'> => ({
  lock: (tx) => lockAvatar(tx, viewer, key),
  find: (db) => findAvatar(db, viewer, key),
});

/** Throws AvatarNotReadyError, or AvatarRuleError, which it also logs: such a row should not exist. */
function checkAvatar(app: StartParts, avatar: Avatar): void {
  try {
    assertMayGenerate(avatar);
  } catch (error) {
    if (error instanceof AvatarRuleError) {
      const codes = error.findings.map(({ code }) => code);
      app.log.warn({ avatarId: avatar.id, codes }, 'an avatar breaks integrity rules and cannot generate');
    }
    throw error;
  }
}
