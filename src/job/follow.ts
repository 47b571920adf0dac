/**
 * IN_QUEUE, IN_PROGRESS → FINALIZING: follows fal's status and writes down what it tells, until the request is done or
 * this step has had its time. It holds nothing that the next step would miss.
 */
import { FalError, RequestCancelled } from '../fal/errors.ts';
import type { RequestStatus } from '../fal/port.ts';
import { failureOfStatus } from '../fal/refusals.ts';
import { end } from './end.ts';
import { Recorder } from './recorder.ts';
import { endpointOf, type Runner, requestIdOf } from './runner.ts';
import { type Claim, write } from './transition.ts';
import { typicalMs } from './typical.ts';

export async function follow(runner: Runner, claim: Claim, signal: AbortSignal): Promise<void> {
  const { job } = claim;
  const endpoint = endpointOf(job);
  const requestId = requestIdOf(job);
  const leftMs = (job.deadlineAt?.getTime() ?? 0) - runner.now().getTime();
  if (job.cancelRequestedAt !== null || leftMs <= 0) await askToCancel(runner, claim);
  if (leftMs <= 0)
    return await end(runner, claim, {
      code: 'TIMED_OUT',
      message: 'fal did not finish before the job’s deadline. It was asked to stop.',
    });

  const letGo = new AbortController();
  const abort = () => letGo.abort();
  const recorder = new Recorder(runner, claim, await typicalMs(runner.prisma, endpoint), abort);
  const stopListening = runner.events.onCancelRequest(job.id, () => void askToCancel(runner, claim));
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  const timer = setTimeout(abort, Math.min(runner.followMs, leftMs));
  try {
    let last: RequestStatus | undefined;
    for await (const status of runner.fal.follow(endpoint, requestId, letGo.signal)) {
      recorder.see(status);
      last = status;
    }
    await recorder.flush();
    if (last?.status !== 'COMPLETED') await write(runner, claim, { next: { afterMs: 0 } });
    else if (last.error === undefined) {
      await write(runner, claim, {
        data: { status: 'FINALIZING', queuePosition: null, failures: 0 },
        events: [{ type: 'FINALIZING', payload: {} }],
        next: { afterMs: 0 },
      });
    } else await endWithError(runner, claim, last, signal);
  } finally {
    clearTimeout(timer);
    stopListening();
    signal.removeEventListener('abort', abort);
    letGo.abort();
    recorder.stop();
  }
}

/** COMPLETED with an error: the result's own refusal says more than the status, when it says anything. */
async function endWithError(runner: Runner, claim: Claim, last: RequestStatus, signal: AbortSignal): Promise<void> {
  const { job } = claim;
  const told = await runner.fal.result(endpointOf(job), requestIdOf(job), signal).catch((error: unknown) => error);
  const isFinal = told instanceof RequestCancelled || (told instanceof FalError && !told.transient);
  const reason = isFinal ? told : failureOfStatus(last);
  if (reason instanceof RequestCancelled) return await end(runner, claim, 'CANCELLED');
  throw reason ?? new Error(`fal calls request ${job.requestId} failed and gives no reason.`);
}

/** Asks fal to stop. That it was asked is no proof that it did, and that it could not be asked is no reason to stop following. */
async function askToCancel(runner: Runner, { job }: Claim): Promise<void> {
  try {
    await runner.fal.cancel(endpointOf(job), requestIdOf(job));
  } catch (error) {
    runner.log.warn({ jobId: job.id, err: error }, 'fal could not be asked to cancel');
  }
}
