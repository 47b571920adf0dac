/** Starts or plans a job of any kind. Both make the same checks in the same order; only the start writes. */
import { type Job, Prisma } from '../../../prisma/generated/client/client.ts';
import { lockOwner, ownedBy } from '../../access/ownership.ts';
import type { Viewer } from '../../access/session.ts';
import type { App } from '../../app/app.ts';
import type { Tx } from '../../database/client.ts';
import type { EndpointId } from '../../fal/endpoints.ts';
import { assertMaySpend, reserve } from '../../ledger/account.ts';
import { priceTenths } from '../../ledger/prices.ts';
import { Refusal } from '../../refusal/refusal.ts';
import { failpoint } from '../../runtime/failpoint.ts';
import { activeTraceparent } from '../../tracing/trace.ts';
import { assertServed, assertServedOrProbe } from '../capacity/retired-endpoints.ts';

/** The caller used this idempotency key before, with another input. */
export class IdempotencyConflictError extends Refusal {
  override name = 'IdempotencyConflictError';
  readonly job: Job;

  constructor(job: Job) {
    super('This idempotency key was used with another input. A key stands for one input: choose a new one.');
    this.job = job;
  }
}

/** An unfinished job prevents the start: another training of the avatar, or the very job that the caller wants to retry. */
export class JobActiveError extends Refusal {
  override name = 'JobActiveError';
  readonly job: Job;

  constructor(message: string, job: Job) {
    super(message);
    this.job = job;
  }
}

/** A caller's idempotency key, and a digest of the input that was sent with it. */
export type Idempotency = { key: string; hash: string };

/** A job that a feature can start or plan. `Subject` is what the job is about: the avatar. */
export type JobRequest<Subject> = {
  idempotency: Idempotency | undefined;
  /** Reads the subject and locks it until the transaction ends. A start calls it. Throws NotFoundError. */
  lock(tx: Tx): Promise<Subject>;
  /** Reads the subject without a lock. A plan calls it. Throws NotFoundError. */
  find(db: Tx): Promise<Subject>;
  /** Checks the feature's rules and returns the job's columns. It only reads, and throws the feature's refusals. */
  plan(db: Tx, subject: Subject): Promise<NewJob>;
  /** Makes the feature's own writes when the job starts, in the start's transaction. */
  record?(tx: Tx, subject: Subject): Promise<void>;
};

/** The columns of a new job that its feature decides. */
export type NewJob = Pick<Prisma.JobUncheckedCreateInput, 'avatarId' | 'kind' | 'input'> & {
  endpoint: EndpointId;
  /** The priced units: how many images, or one training. */
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

/** What a start would write and cost. */
export type JobPlan = { job: NewJob; priceTenths: number };

type StartParts = Pick<App, 'prisma' | 'events' | 'steps' | 'files' | 'now' | 'metering'>;

/**
 * Starts a job. One transaction writes the job's row, its QUEUED event, its first step, the reservation of its price and the
 * feature's own writes. After the commit, subscribers and the worker are notified.
 *
 * If the idempotency key has already started a job, returns that job before any rule is checked: a repeated call gets its job
 * even when the rules would now refuse a new one. Throws IdempotencyConflictError when the input differs,
 * LimitReachedError, EndpointRetiredError, InsufficientCreditsError, and the errors of `request`.
 */
export async function startJob<Subject>(app: StartParts, viewer: Viewer, request: JobRequest<Subject>): Promise<Job> {
  const { idempotency } = request;
  const started = await findStarted(app, viewer, idempotency);
  if (started !== null) return started;
  await app.files.assertSpace();
  try {
    const job = await app.prisma.$transaction(async (tx) => {
      const owner = await lockOwner(tx, viewer.id);
      if (owner === undefined) throw unknownViewer(viewer);
      const subject = await request.lock(tx);
      const data = await request.plan(tx, subject);
      await assertServedOrProbe(tx, data.endpoint, app.now());
      const price = priceTenths(data.endpoint, data.units);
      assertMaySpend(owner, price, app.metering, app.now());
      await request.record?.(tx, subject);
      const row = await tx.job.create({
        data: {
          ...data,
          ...ownedBy(viewer),
          createdAt: app.now(),
          priceTenths: price,
          isMetered: app.metering.isOn,
          idempotencyKey: idempotency?.key ?? null,
          idempotencyHash: idempotency?.hash ?? null,
          traceparent: activeTraceparent(),
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
    // Two concurrent calls used one key. The unique index, or a refusal because of the first call's job, stopped the second
    // call. Both return the first call's job.
    const winner =
      error instanceof Refusal || isUniqueViolation(error) ? await findStarted(app, viewer, idempotency) : null;
    if (winner !== null) return winner;
    throw error;
  }
}

/**
 * Plans a job: makes the checks of a start without a transaction, lock or write. The plan is true at the moment of its
 * reads; a later start may differ. Throws the errors of a start.
 */
export async function planJob<Subject>(
  app: StartParts,
  viewer: Viewer,
  request: JobRequest<Subject>,
): Promise<JobPlan> {
  await findStarted(app, viewer, request.idempotency);
  await app.files.assertSpace();
  const owner = await app.prisma.user.findUnique({ where: { id: viewer.id } });
  if (owner === null) throw unknownViewer(viewer);
  const subject = await request.find(app.prisma);
  const job = await request.plan(app.prisma, subject);
  await assertServed(app.prisma, job.endpoint, app.now());
  const price = priceTenths(job.endpoint, job.units);
  assertMaySpend(owner, price, app.metering, app.now());
  return { job, priceTenths: price };
}

const unknownViewer = ({ id }: Viewer) => new Error(`The viewer ${id} has no row in User.`);

/** Whether a write violated a unique index. */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2002';
}

/** The job that this idempotency key has started. Throws IdempotencyConflictError. */
async function findStarted(
  app: Pick<App, 'prisma'>,
  viewer: Viewer,
  idempotency: Idempotency | undefined,
): Promise<Job | null> {
  if (idempotency === undefined) return null;
  const { key, hash } = idempotency;
  const job = await app.prisma.job.findUnique({
    where: { ownerId_idempotencyKey: { ...ownedBy(viewer), idempotencyKey: key } },
  });
  if (job !== null && job.idempotencyHash !== hash) throw new IdempotencyConflictError(job);
  return job;
}
