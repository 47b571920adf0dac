/** The tasks of the two kinds of job, and the dependencies of their steps. */
import type { JobKind } from '../../prisma/generated/client/client.ts';
import { webhookPath } from '../fal/webhook/receive.ts';
import { generationTask } from '../generation/task.ts';
import type { StepDependencies } from '../job/runner/step-dependencies.ts';
import type { Task } from '../job/task.ts';
import { realTimers } from '../runtime/timers.ts';
import { trainingTask } from '../training/task.ts';

/** One step follows fal for this long. The next step then takes over. */
const followMs = 25_000;

export function createTasks(parts: Parameters<typeof generationTask>[0] & Parameters<typeof trainingTask>[0]) {
  return { TRAINING: trainingTask(parts), GENERATION: generationTask(parts) } satisfies Record<JobKind, Task>;
}

/** `publicUrl` has no slash at the end. Without it fal cannot reach this server, and submits name no webhook. */
export function stepDependencies(
  parts: Omit<StepDependencies, 'followMs' | 'webhookUrl' | 'timers' | 'random'>,
  publicUrl: string | undefined,
  overrides: Partial<StepDependencies> = {},
): StepDependencies {
  return {
    ...parts,
    followMs,
    webhookUrl: publicUrl === undefined ? undefined : (token) => `${publicUrl}${webhookPath(token)}`,
    timers: realTimers,
    random: Math.random,
    ...overrides,
  };
}
