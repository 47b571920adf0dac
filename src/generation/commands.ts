/** What can be done with generations, one transaction each. */
import type { Avatar, Job } from '../../prisma/generated/client/client.ts';
import type { App, Viewer } from '../app/app.ts';
import type { AvatarKey } from '../avatar/key.ts';
import { lockAvatar } from '../avatar/lock.ts';
import type { Tx } from '../database/client.ts';
import { endpoints } from '../fal/endpoints.ts';
import { idempotencyOf } from '../job/commands/idempotency.ts';
import { JobActiveError, type JobPlan, type NewJob, planJob, startJob } from '../job/commands/start-job.ts';
import { isEnded } from '../job/state.ts';
import { type GenerationInput, planDrawing } from './plan.ts';
import { AvatarRuleError, assertMayGenerate } from './rules.ts';
import { endpointOf } from './settings/settings.ts';
import { falInput, readSettings } from './settings/wire.ts';

type StartApp = Pick<App, 'prisma' | 'events' | 'steps' | 'files' | 'falMode' | 'log' | 'now' | 'metering'>;

export type StartGeneration = GenerationInput & { avatar: AvatarKey; idempotencyKey?: string | null | undefined };

/**
 * Throws InvalidInputError, NotFoundError, AvatarNotReadyError, AvatarRuleError, IdempotencyConflictError, EndpointRetiredError, InsufficientCreditsError,
 * LimitReachedError.
 */
export async function startGeneration(app: StartApp, viewer: Viewer, input: StartGeneration): Promise<Job> {
  return await startJob(app, viewer, idempotencyOfStart(input), newGeneration(app, viewer, input));
}

/** What startGeneration would do, and nothing done. Throws what it would throw. */
export async function planGeneration(app: StartApp, viewer: Viewer, input: StartGeneration): Promise<JobPlan> {
  return await planJob(app, viewer, idempotencyOfStart(input), newGeneration(app, viewer, input));
}

const idempotencyOfStart = ({ idempotencyKey, ...asked }: StartGeneration) =>
  idempotencyOf('startGeneration', idempotencyKey, asked);

const newGeneration =
  (app: StartApp, viewer: Viewer, asked: StartGeneration) =>
  async (tx: Tx): Promise<NewJob> => {
    const avatar = await drawableAvatar(app, tx, viewer, asked.avatar);
    const plan = planDrawing(avatar, asked, app.falMode);
    return { ...plan, avatarId: avatar.id, kind: 'GENERATION', units: plan.input.num_images };
  };

/**
 * A new generation with the input of an ended one: the same picture asked for, by the rules of now and with the model
 * that the avatar has now. Throws JobActiveError, and what starting throws but InvalidInputError and IdempotencyConflictError.
 */
export async function retryGeneration(app: StartApp, viewer: Viewer, job: Job): Promise<Job> {
  if (!isEnded(job.status))
    throw new JobActiveError('This generation has not ended. Wait for it, or cancel it first.', job);
  return await startJob(app, viewer, undefined, async (tx) => {
    const settings = readSettings(job.endpoint, job.input);
    const kind = settings.model === 'fluxLora' ? 'PORTRAIT' : 'STYLE';
    const avatar = await drawableAvatar(app, tx, viewer, { id: job.avatarId, kind });
    const endpoint = endpointOf[settings.model];
    const input = endpoints[endpoint].input.parse(falInput(settings, job.finalPrompt ?? '', avatar));
    const { prompt, finalPrompt, generationPreset } = job;
    return {
      avatarId: avatar.id,
      kind: 'GENERATION',
      endpoint,
      input,
      prompt,
      finalPrompt,
      generationPreset,
      units: input.num_images,
      retryOfId: job.id,
    };
  });
}

/** The viewer's avatar, held until the transaction ends, that may generate now. A broken rule is logged. */
async function drawableAvatar(
  app: Pick<App, 'files' | 'log'>,
  tx: Tx,
  viewer: Viewer,
  key: AvatarKey,
): Promise<Avatar> {
  await app.files.assertSpace();
  const avatar = await lockAvatar(tx, viewer, key);
  try {
    assertMayGenerate(avatar);
  } catch (error) {
    if (error instanceof AvatarRuleError) {
      const codes = error.findings.map(({ code }) => code);
      app.log.warn({ avatarId: avatar.id, codes }, 'an avatar breaks the strict rules and may not generate');
    }
    throw error;
  }
  return avatar;
}
