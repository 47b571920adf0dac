/** Starting a job: its row, its first event and its first step, in one transaction of the caller's. */
import { type Job, Prisma } from '../../../prisma/generated/client/client.ts';
import { lockOwner, ownedBy } from '../../access/ownership.ts';
import type { App, Viewer } from '../../app/app.ts';
import type { Tx } from '../../database/client.ts';
import { type EndpointId } from '../../fal/endpoints.ts';
import { assertMaySpend, reserve } from '../../ledger/account.ts';
import { priceTenths } from '../../ledger/prices.ts';
import { Refusal } from '../../refusal/refusal.ts';
import { failpoint } from '../../runtime/failpoint.ts';
import { traceparentNow } from '../../tracing/trace.ts';
import { assertServed } from '../capacity/retired-endpoints.ts';

/** The same idempotency key came with another input before. */
export class IdempotencyConflictError extends Refusal {
  override name = 'IdempotencyConflictError';
  readonly job: Job;

  constructor(job: Job) {
    super('This idempotency key was used with another input. A key stands for one input: choose a new one.');
    this.job = job;
  }
}

/** Another job stands in the way: the avatar is already being trained, or the job to retry has not ended. */
export class JobActiveError extends Refusal {
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
 * call gets its job even when the rules would refuse a new one by now. Throws IdempotencyConflictError when the input was
 * another one, EndpointRetiredError, and what `create` throws.
 */
export async function startJob(
  app: StartApp,
  viewer: Viewer,
  idempotency: Idempotency | undefined,
  create: (tx: Tx) => Promise<NewJob>,
): Promise<Job> {
  const started = idempotency && (await findStarted(app, viewer, idempotency));
  if (started) return started;
  try {
    const job = await app.prisma.$transaction(async (tx) => {
      const { owner, data, price } = await check(app, tx, viewer, create);
      const row = await tx.job.create({
        data: {
          ...data,
          ...ownedBy(viewer),
          createdAt: app.now(),
          priceTenths: price,
          isMetered: app.metering.isOn,
          idempotencyKey: idempotency?.key ?? null,
          idempotencyHash: idempotency?.hash ?? null,
          traceparent: traceparentNow(),
        },
      });
      await reserve(tx, owner, row);
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

/** What a start would come to. */
export type JobPlan = { job: NewJob; priceTenths: number };

/**
 * All that starting asks, and nothing done: the transaction is the start's own up to the row, and is rolled back. Throws
 * what the start would throw.
 */
export async function planJob(
  app: StartApp,
  viewer: Viewer,
  idempotency: Idempotency | undefined,
  create: (tx: Tx) => Promise<NewJob>,
): Promise<JobPlan> {
  if (idempotency) await findStarted(app, viewer, idempotency);
  const planned = new Planned();
  try {
    await app.prisma.$transaction(async (tx) => {
      const { data, price } = await check(app, tx, viewer, create);
      planned.plan = { job: data, priceTenths: price };
      throw planned;
    });
  } catch (error) {
    if (error !== planned) throw error;
  }
  if (planned.plan === undefined) throw new Error('A plan was committed.');
  return planned.plan;
}

/** Thrown to roll back. */
class Planned extends Error {
  plan: JobPlan | undefined;
}

type StartApp = Pick<App, 'prisma' | 'events' | 'steps' | 'now' | 'metering'>;

/** The rules of a start, in their order: the feature's, then fal's, then what it costs. */
async function check(app: StartApp, tx: Tx, viewer: Viewer, create: (tx: Tx) => Promise<NewJob>) {
  const owner = await lockOwner(tx, viewer.id);
  if (owner === undefined) throw new Error(`The viewer ${viewer.id} is nobody.`);
  const data = await create(tx);
  await assertServed(tx, data.endpoint, app.now());
  const price = priceTenths(data.endpoint, data.units);
  assertMaySpend(owner, price, app.metering, app.now());
  return { owner, data, price };
}

/** A job's columns that are its feature's to say. */
export type NewJob = Pick<Prisma.JobUncheckedCreateInput, 'avatarId' | 'kind' | 'input'> & {
  endpoint: EndpointId;
  /** What its price is for: the images asked for, or one training. */
  units: number;
} & Partial<
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
    where: { ownerId_idempotencyKey: { ...ownedBy(viewer), idempotencyKey: key } },
  });
  if (job !== null && job.idempotencyHash !== hash) throw new IdempotencyConflictError(job);
  return job;
}
