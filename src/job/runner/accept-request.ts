/** Records a request that fal has accepted. Until the commit, only this step knows the request's id. */
import type { Submitted } from '../../fal/port.ts';
import { failpoint } from '../../runtime/failpoint.ts';
import { forgetRetired } from '../capacity/retired-endpoints.ts';
import { pauseMs } from '../failure-policy.ts';
import { type Change, type Claim, ClaimLost, commitStep } from './commit-step.ts';
import { endpointOf, type StepDependencies } from './step-dependencies.ts';

const maxCommits = 6;

/** Records the request. If the database cannot be written or the job has ended meanwhile, cancels the request at fal and throws. */
export async function acceptRequest(
  deps: StepDependencies,
  claim: Claim,
  { requestId, queuePosition, urls }: Submitted,
): Promise<void> {
  const endpoint = endpointOf(claim.job);
  const submittedAt = deps.now();
  await failpoint('submit.accepted');
  try {
    await commitWithRetries(deps, claim, {
      data: {
        status: 'IN_QUEUE',
        requestId,
        falUrls: urls,
        queuePosition: queuePosition ?? null,
        submittedAt,
        deadlineAt: new Date(submittedAt.getTime() + deps.deadlineMs(endpoint)),
        failures: 0,
      },
      events: [
        { type: 'SUBMITTED', payload: { requestId } },
        ...(queuePosition === undefined
          ? []
          : [{ type: 'QUEUE_MOVED' as const, payload: { position: queuePosition } }]),
      ],
      next: 'CONTINUE',
    });
    await failpoint('submit.recorded');
  } catch (error) {
    // The row may have the request all the same: from a commit that reported an error but succeeded, or from a webhook.
    const row = await deps.prisma.job.findUnique({ where: { id: claim.job.id }, select: { requestId: true } });
    if (row?.requestId === requestId) return await endStepOfAcceptedRequest(deps, claim);
    deps.log.error({ jobId: claim.job.id, requestId, err: error }, 'a request that fal accepted could not be recorded');
    await deps.fal.cancel(endpoint, requestId);
    throw error;
  }
  await forgetRetired(deps.prisma, endpoint);
}

/** Ends this step when a webhook or an earlier commit has recorded the request. The job's next step follows the request. */
export async function endStepOfAcceptedRequest(deps: StepDependencies, { step }: Claim): Promise<void> {
  await deps.prisma.$transaction((tx) => deps.steps.finish(tx, step, { afterMs: 0 }));
  deps.steps.wake();
}

/** Commits a change that only this step knows of. While the database fails, it retries for 15 to 30 seconds. */
export async function commitWithRetries(deps: StepDependencies, claim: Claim, change: Change): Promise<void> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await commitStep(deps, claim, change);
    } catch (error) {
      if (error instanceof ClaimLost || failures === maxCommits) throw error;
      deps.log.error({ jobId: claim.job.id, err: error }, 'fal’s answer could not be recorded; trying again');
      const ms = pauseMs(failures, deps.random());
      await new Promise<void>((resolve) => void deps.timers.after(ms, resolve));
    }
  }
}
