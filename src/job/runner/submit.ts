/**
 * QUEUED → IN_QUEUE: sends the job to fal, at most once. fal takes no idempotency key, so the intent is committed before
 * the request and its answer after. A job that is found with an intent and no answer is never sent again.
 */
import { randomUUID } from 'node:crypto';
import type { Tx } from '../../database/client.ts';
import { FalError, SubmitUnconfirmed } from '../../fal/errors.ts';
import type { Submitted } from '../../fal/port.ts';
import { failpoint } from '../../runtime/failpoint.ts';
import { forgetRetired } from '../capacity/retired-endpoints.ts';
import { pauseSubmits, SubmitsSpent, takeSubmit } from '../capacity/submit-budget.ts';
import { admitAlone, admitWaiting } from '../capacity/waiting-line.ts';
import { pauseMs } from '../state.ts';
import type { Prepared } from '../task.ts';
import { type Change, type Claim, ClaimLost, write } from './commit-step.ts';
import { end, type Failure } from './end.ts';
import { deadlineOf, endpointOf, type StepDependencies } from './step-dependencies.ts';

const unconfirmed: Failure = {
  code: 'SUBMIT_UNCONFIRMED',
  message:
    'fal’s answer to the submit was lost. fal may have run the request, and billed it; it was not sent a second time. Retry to start anew.',
};

const throttled: Failure = {
  code: 'RATE_LIMITED',
  message: 'fal took no more requests of this server’s key until the job’s deadline. Retry later.',
};

const writesAtMost = 6;

export async function submit(runner: StepDependencies, claim: Claim, signal: AbortSignal): Promise<void> {
  const endpoint = endpointOf(claim.job);
  if (claim.job.submittingAt !== null) return await awaitAdoption(runner, claim);
  // Asked while an earlier submit was under way, which fal refused.
  if (claim.job.cancelRequestedAt !== null) return await end(runner, claim, 'CANCELLED');
  if (claim.job.admittedAt === null && !(await getTurn(runner, claim, signal))) return;
  const { input, columns = {} } = await runner.tasks[claim.job.kind].prepare(claim.job, signal);
  // Told to stop: nothing more is sent whose answer would have to be waited for.
  signal.throwIfAborted();
  await failpoint('submit.prepared');
  const correlationToken = randomUUID();
  const intent = {
    submittingAt: runner.now(),
    deadlineAt: deadlineOf(runner, claim.job),
    correlationToken,
    ...columns,
  };
  try {
    await write(runner, claim, { data: intent, alongside: (tx) => takeSubmit(tx, runner) });
  } catch (error) {
    if (!(error instanceof SubmitsSpent)) throw error;
    return await awaitSubmit(runner, claim, error, { deadlineAt: intent.deadlineAt, ...columns });
  }
  await failpoint('submit.intended');
  const adoption = listenForAdoption(runner, claim);
  let submitted: Submitted | 'ADOPTED';
  try {
    const webhookUrl = runner.webhookUrl?.(correlationToken);
    submitted = await Promise.race([runner.fal.submit(endpoint, input, { webhookUrl }), adoption.told]);
  } catch (error) {
    if (error instanceof SubmitUnconfirmed) return await awaitAdoption(runner, claim);
    // Refused: fal has not taken the request, and it may be sent again. Anything else leaves the intent on the row.
    if (error instanceof FalError) {
      await failpoint('submit.refused');
      const { code, retryAfterMs = pauseMs(claim.job.failures + 1, runner.random()) } = error;
      await keepWriting(runner, claim, {
        data: { submittingAt: null, correlationToken: null },
        // One key for all: what is one too many of this job's is one too many of any.
        alongside: async (tx) => (code === 'RATE_LIMITED' ? await pauseSubmits(tx, runner, retryAfterMs) : undefined),
      });
    }
    throw error;
  } finally {
    adoption.stop();
  }
  if (submitted === 'ADOPTED') await moveOn(runner, claim);
  else await accept(runner, claim, submitted);
}

/** Whether it is this job's turn. If not, this step is over, and the job's next comes with its turn. */
async function getTurn(runner: StepDependencies, claim: Claim, signal: AbortSignal): Promise<boolean> {
  const { id } = claim.job;
  const look = async (tx: Tx) => {
    const row = await tx.job.findUnique({ where: { id }, select: { admittedAt: true } });
    claim.job = { ...claim.job, admittedAt: row?.admittedAt ?? null };
    return claim.job.admittedAt !== null;
  };
  // Mostly nobody else waits.
  claim.job = { ...claim.job, admittedAt: await admitAlone(runner, claim.job) };
  // All processes wait for the budget's lock, one after the other: a worker that stops waits for it no second time.
  signal.throwIfAborted();
  if (claim.job.admittedAt !== null) return true;
  await admitWaiting(runner);
  signal.throwIfAborted();
  if (await look(runner.prisma)) return true;
  await write(runner, claim, {
    // Looked at under the row's lock: a turn that is given after this finds no step in its way and brings one.
    alongside: async (tx) => {
      if (!(await look(tx))) await runner.steps.finish(tx, claim.step);
    },
  });
  return claim.job.admittedAt !== null;
}

/** Nothing was sent: the step comes again when there is a submit for it, unless that is too late. */
async function awaitSubmit(
  runner: StepDependencies,
  claim: Claim,
  { afterMs }: SubmitsSpent,
  data: NonNullable<Prepared['columns']> & { deadlineAt: Date },
): Promise<void> {
  if (runner.now().getTime() + afterMs > data.deadlineAt.getTime()) return await end(runner, claim, throttled);
  await write(runner, claim, { data, next: { afterMs } });
}

/** A webhook can be quicker than fal's answer, which is then of no use. */
function listenForAdoption(
  { events }: StepDependencies,
  { job }: Claim,
): { told: Promise<'ADOPTED'>; stop: () => void } {
  let stop: (() => void) | undefined;
  const told = new Promise<'ADOPTED'>((resolve) => {
    stop = events.onNews(job.id, () => resolve('ADOPTED'));
  });
  return { told, stop: () => stop?.() };
}

/** The row has its request by now, from elsewhere: this step is over, and the next one follows it. */
async function moveOn(runner: StepDependencies, { step }: Claim): Promise<void> {
  await runner.prisma.$transaction((tx) => runner.steps.finish(tx, step, { afterMs: 0 }));
  runner.steps.wake();
}

/**
 * Asking again could pay twice. A webhook may still tell which request it became: that is waited for until the deadline.
 * Then, or when fal cannot call this server, the job ends, for its owner to retry.
 */
async function awaitAdoption(runner: StepDependencies, claim: Claim): Promise<void> {
  const leftMs = (claim.job.deadlineAt?.getTime() ?? 0) - runner.now().getTime();
  if (runner.webhookUrl !== undefined && leftMs > 0) return await write(runner, claim, { next: { afterMs: leftMs } });
  await end(runner, claim, unconfirmed);
}

/** fal has the request, and only this step knows its id: it is written down, or the request is given up. */
async function accept(
  runner: StepDependencies,
  claim: Claim,
  { requestId, queuePosition, urls }: Submitted,
): Promise<void> {
  const endpoint = endpointOf(claim.job);
  const submittedAt = runner.now();
  await failpoint('submit.accepted');
  try {
    await keepWriting(runner, claim, {
      data: {
        status: 'IN_QUEUE',
        requestId,
        falUrls: urls,
        queuePosition: queuePosition ?? null,
        submittedAt,
        deadlineAt: new Date(submittedAt.getTime() + runner.deadlineMs(endpoint)),
        failures: 0,
      },
      events: [
        { type: 'SUBMITTED', payload: { requestId } },
        ...(queuePosition === undefined
          ? []
          : [{ type: 'QUEUE_MOVED' as const, payload: { position: queuePosition } }]),
      ],
      next: 'ON',
    });
    await failpoint('submit.recorded');
  } catch (error) {
    // A commit can succeed and not say so, and a webhook be quicker: then the row has the request, and the claim was lost by that.
    const row = await runner.prisma.job.findUnique({ where: { id: claim.job.id }, select: { requestId: true } });
    if (row?.requestId === requestId) return await moveOn(runner, claim);
    runner.log.error({ jobId: claim.job.id, requestId, err: error }, 'a request that fal accepted could not be kept');
    await runner.fal.cancel(endpoint, requestId);
    throw error;
  }
  await forgetRetired(runner.prisma, endpoint);
}

/** Writes what nobody else knows, again and again for some fifteen seconds when the database fails. */
async function keepWriting(runner: StepDependencies, claim: Claim, change: Change): Promise<void> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await write(runner, claim, change);
    } catch (error) {
      if (error instanceof ClaimLost || failures === writesAtMost) throw error;
      runner.log.error({ jobId: claim.job.id, err: error }, 'fal’s answer could not be written; it is tried again');
      const ms = pauseMs(failures, runner.random());
      await new Promise<void>((resolve) => void runner.timers.after(ms, resolve));
    }
  }
}
