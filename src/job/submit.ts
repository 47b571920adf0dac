/**
 * QUEUED → IN_QUEUE: sends the job to fal, at most once. fal takes no idempotency key, so the intent is committed before
 * the request and its answer after. A job that is found with an intent and no answer is never sent again.
 */
import { randomUUID } from 'node:crypto';
import { FalError, SubmitUnconfirmed } from '../fal/errors.ts';
import { end } from './end.ts';
import type { Runner } from './runner.ts';
import { endpointOf } from './runner.ts';
import { type Claim, write } from './transition.ts';

const unconfirmed =
  'fal’s answer to the submit was lost. fal may have run the request, and billed it; it was not sent a second time. Retry to start anew.';

export async function submit(runner: Runner, claim: Claim, signal: AbortSignal): Promise<void> {
  const endpoint = endpointOf(claim.job);
  if (claim.job.submittingAt !== null) return await giveUp(runner, claim);
  const task = runner.tasks[claim.job.kind];
  if (claim.job.deadlineAt === null) {
    await write(runner, claim, {
      data: { deadlineAt: new Date(runner.now().getTime() + runner.deadlineMs(endpoint)) },
    });
  }
  const { input, datasetUrl } = await task.prepare(claim.job, signal);
  await write(runner, claim, {
    data: {
      submittingAt: runner.now(),
      correlationToken: randomUUID(),
      ...(datasetUrl === undefined ? {} : { datasetUrl }),
    },
  });
  const submitted = await runner.fal.submit(endpoint, input).catch(async (error: unknown) => {
    // Refused: fal has not taken the request, and it may be sent again. Anything else leaves the intent on the row.
    if (error instanceof FalError) await write(runner, claim, { data: { submittingAt: null, correlationToken: null } });
    if (error instanceof SubmitUnconfirmed) return undefined;
    throw error;
  });
  if (submitted === undefined) return await giveUp(runner, claim);
  const { requestId, queuePosition } = submitted;
  const submittedAt = runner.now();
  await write(runner, claim, {
    data: {
      status: 'IN_QUEUE',
      requestId,
      falUrls: submitted.urls,
      queuePosition: queuePosition ?? null,
      submittedAt,
      deadlineAt: new Date(submittedAt.getTime() + runner.deadlineMs(endpoint)),
      failures: 0,
    },
    events: [
      { type: 'SUBMITTED', payload: { requestId } },
      ...(queuePosition === undefined ? [] : [{ type: 'QUEUE_MOVED' as const, payload: { position: queuePosition } }]),
    ],
    next: { afterMs: 0 },
  });
}

/** Nothing can bring the lost answer back, and asking again could pay twice: the job ends, for its owner to retry. */
async function giveUp(runner: Runner, claim: Claim): Promise<void> {
  await end(runner, claim, { code: 'SUBMIT_UNCONFIRMED', message: unconfirmed });
}
