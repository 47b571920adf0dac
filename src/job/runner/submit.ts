/**
 * QUEUED → IN_QUEUE: submits the job to fal, which accepts it at most once. fal takes no idempotency key. The step therefore
 * commits its intent before it sends the request, and fal's answer afterwards. A rejection clears the intent, and the job may
 * be submitted again. A job with an intent but no answer is never submitted again.
 */
import { randomUUID } from 'node:crypto';
import { FalError, SubmitUnconfirmed } from '../../fal/errors.ts';
import type { Submitted } from '../../fal/port.ts';
import { failpoint } from '../../runtime/failpoint.ts';
import { pauseSubmits, SubmitsSpent, takeSubmit } from '../capacity/submit-budget.ts';
import { CancelRequested, deadlineOf, submitPauseMs } from '../failure-policy.ts';
import { acceptRequest, commitWithRetries, endStepOfAcceptedRequest } from './accept-request.ts';
import { type Claim, commitStep } from './commit-step.ts';
import { endpointOf, type StepDependencies } from './step-dependencies.ts';
import { takeTurn } from './take-turn.ts';

/** Throws CancelRequested, SubmitUnconfirmed, SubmitsSpent, and the FalError of a submit that fal rejected. */
export async function submit(deps: StepDependencies, claim: Claim, signal: AbortSignal): Promise<void> {
  const endpoint = endpointOf(claim.job);
  if (claim.job.submittingAt !== null)
    throw new SubmitUnconfirmed('An earlier step may have sent the submit, but recorded no answer.');
  // The owner cancelled while an earlier submit was under way, and fal rejected that submit.
  if (claim.job.cancelRequestedAt !== null) throw new CancelRequested();
  if (claim.job.admittedAt === null && !(await takeTurn(deps, claim, signal))) return;
  const { input, columns = {} } = await deps.tasks[claim.job.kind].prepare(claim.job, signal);
  // A server that stops sends no more submits: it would have to wait for the answer.
  signal.throwIfAborted();
  await failpoint('submit.prepared');
  const correlationToken = randomUUID();
  const now = deps.now();
  const deadlineAt = deadlineOf({ job: claim.job, now, deadlineMs: deps.deadlineMs(endpoint) });
  try {
    await commitStep(deps, claim, {
      data: { submittingAt: now, deadlineAt, correlationToken, ...columns },
      alsoWrite: (tx) => takeSubmit(tx, deps),
    });
  } catch (error) {
    // Record what was prepared, such as the URL of an upload, so that the next attempt does not upload again.
    if (error instanceof SubmitsSpent) await commitStep(deps, claim, { data: columns });
    throw error;
  }
  await failpoint('submit.intended');
  const webhook = waitForWebhook(deps, claim);
  let submitted: Submitted | 'BY_WEBHOOK';
  try {
    const webhookUrl = deps.webhookUrl?.(correlationToken);
    submitted = await Promise.race([deps.fal.submit(endpoint, input, { webhookUrl }), webhook.received]);
  } catch (error) {
    // fal rejected the submit and has no request, so the job may be submitted again. Any other error leaves the intent.
    if (error instanceof FalError) await clearIntent(deps, claim, error);
    throw error;
  } finally {
    webhook.stop();
  }
  if (submitted === 'BY_WEBHOOK') await endStepOfAcceptedRequest(deps, claim);
  else await acceptRequest(deps, claim, submitted);
}

/** `received` resolves when a webhook has recorded the request. That can happen before fal's answer arrives, which is then not needed. */
function waitForWebhook(
  { events }: StepDependencies,
  { job }: Claim,
): { received: Promise<'BY_WEBHOOK'>; stop: () => void } {
  let stop: (() => void) | undefined;
  const received = new Promise<'BY_WEBHOOK'>((resolve) => {
    stop = events.onWebhook(job.id, () => resolve('BY_WEBHOOK'));
  });
  return { received, stop: () => stop?.() };
}

async function clearIntent(deps: StepDependencies, claim: Claim, rejection: FalError): Promise<void> {
  await failpoint('submit.refused');
  const pauseMs = submitPauseMs(rejection, claim.job.failures, deps.random());
  await commitWithRetries(deps, claim, {
    data: { submittingAt: null, correlationToken: null },
    alsoWrite: async (tx) => (pauseMs === undefined ? undefined : await pauseSubmits(tx, deps, pauseMs)),
  });
}
