/** Starting a job: its row, its first event and its first step, in one transaction of the caller's. */
import { type Job, Prisma } from '../../prisma/generated/client/client.ts';
import type { App, Viewer } from '../app.ts';
import type { Tx } from '../database/client.ts';
import { Refusal } from '../errors.ts';
import { failpoint } from '../failpoint.ts';
import { assertServed } from './retired.ts';

/** The same idempotency key came with another input before. */
export class IdempotencyConflict extends Refusal {
  override name = 'IdempotencyConflictError';
  readonly job: Job;

  constructor(job: Job) {
    super('This idempotency key was used with another input. A key stands for one input: choose a new one.');
    this.job = job;
  }
}

/** Another job stands in the way: the avatar is already being trained, or the job to retry has not ended. */
export class JobActive extends Refusal {
  override name = 'JobActiveError';
  readonly job: Job;

  constructor(message: string, job: Job) {
    super(message);
    this.job = job;
  }
}

/** What a caller's idempotency key stands for: the key and a digest of the input that came with it. */
export type Idempotency = { key: string; hash: string };

/**
 * Starts a job in one transaction: `create` checks the rules and returns the new job's columns, and what is written with
 * them (its QUEUED event, its first step) is kept or lost with everything that `create` wrote. Followers and the worker
 * are told after the commit.
 *
 * With an idempotency key, the job that it already started is returned instead, before any rule is asked: a repeated
 * call gets its job even when the rules would refuse a new one by now. Throws IdempotencyConflict when the input was
 * another one, EndpointRetired, and what `create` throws.
 */
export async function startJob(
  app: Pick<App, 'prisma' | 'events' | 'steps' | 'now'>,
  viewer: Viewer,
  idempotency: Idempotency | undefined,
  create: (tx: Tx) => Promise<NewJob>,
): Promise<Job> {
  const started = idempotency && (await findStarted(app, viewer, idempotency));
  if (started) return started;
  try {
    const job = await app.prisma.$transaction(async (tx) => {
      const data = await create(tx);
      await assertServed(tx, data.endpoint, app.now());
      const row = await tx.job.create({
        data: {
          ...data,
          ownerId: viewer.id,
          createdAt: app.now(),
          idempotencyKey: idempotency?.key ?? null,
          idempotencyHash: idempotency?.hash ?? null,
        },
      });
      const lastSequence = await app.events.append(tx, row.id, [{ type: 'QUEUED', payload: {} }]);
      await app.steps.enqueue(tx, row.id);
      await failpoint('start.recorded');
      return { ...row, lastSequence };
    });
    app.steps.wake();
    app.events.nudge(job);
    await failpoint('start.committed');
    return job;
  } catch (error) {
    // Two calls with one key at once: the database let one in, and that one's job is the answer to both. The other may
    // also have waited for the first's locks, and then met the rule that the first's job is in the way.
    const isLate = error instanceof Refusal || isUniqueViolation(error);
    const winner = idempotency && isLate ? await findStarted(app, viewer, idempotency) : null;
    if (winner) return winner;
    throw error;
  }
}

/** A job's columns that are its feature's to say. */
export type NewJob = Pick<Prisma.JobUncheckedCreateInput, 'avatarId' | 'kind' | 'endpoint' | 'input'> &
  Partial<
    Pick<
      Prisma.JobUncheckedCreateInput,
      | 'id'
      | 'prompt'
      | 'finalPrompt'
      | 'generationPreset'
      | 'trainingPreset'
      | 'photoCount'
      | 'datasetUrl'
      | 'retryOfId'
    >
  >;

/** Whether a write met a unique index. */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2002';
}

async function findStarted(app: Pick<App, 'prisma'>, viewer: Viewer, { key, hash }: Idempotency): Promise<Job | null> {
  const job = await app.prisma.job.findUnique({
    where: { ownerId_idempotencyKey: { ownerId: viewer.id, idempotencyKey: key } },
  });
  if (job !== null && job.idempotencyHash !== hash) throw new IdempotencyConflict(job);
  return job;
}
