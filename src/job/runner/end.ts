/** Ends a job FAILED or CANCELLED. runner/finalize.ts ends it SUCCEEDED. */
import type { Job } from '../../../prisma/generated/client/client.ts';
import type { NewEvent } from '../../events/payload.ts';
import { settle } from '../../ledger/account.ts';
import { failpoint } from '../../runtime/failpoint.ts';
import { rememberRetired } from '../capacity/retired-endpoints.ts';
import type { Columns } from '../columns.ts';
import type { Failure } from '../failure-policy.ts';
import { type Claim, commitStep } from './commit-step.ts';
import type { StepDependencies } from './step-dependencies.ts';

/** Ends the job and the step. The same transaction releases the reserved credits and undoes what the start changed. */
export async function end(deps: StepDependencies, claim: Claim, how: Failure | 'CANCELLED'): Promise<void> {
  const { job } = claim;
  const { data, event } = how === 'CANCELLED' ? cancelled(job, deps.now()) : failed(how, deps.now());
  await commitStep(deps, claim, {
    data,
    events: [event],
    alsoWrite: async (tx) => {
      await settle(tx, job, 0);
      await deps.tasks[job.kind].release(tx, job, how === 'CANCELLED' ? 'CANCELLED' : 'FAILED');
      const isRetired = how !== 'CANCELLED' && how.code === 'ENDPOINT_RETIRED';
      if (isRetired) await rememberRetired(tx, job.endpoint, deps.now());
      await failpoint('end.recorded');
    },
    next: 'END',
  });
  deps.log.info(
    { jobId: job.id, endpoint: job.endpoint, ...(how === 'CANCELLED' ? {} : { code: how.code }) },
    how === 'CANCELLED' ? 'job cancelled' : 'job failed',
  );
}

/** The job's columns and its terminal event. */
type End = { data: Columns; event: NewEvent };

function failed({ code, message, field }: Failure, finishedAt: Date): End {
  const errorField = field ?? null;
  return {
    data: {
      status: 'FAILED',
      errorCode: code,
      errorMessage: message,
      errorField,
      queuePosition: null,
      paidTenths: 0,
      finishedAt,
    },
    event: { type: 'FAILED', payload: { code, message, field: errorField } },
  };
}

export function cancelled(job: Job, finishedAt: Date) {
  return {
    data: {
      status: 'CANCELLED',
      cancelRequestedAt: job.cancelRequestedAt ?? finishedAt,
      queuePosition: null,
      paidTenths: 0,
      finishedAt,
    },
    event: { type: 'CANCELLED', payload: {} },
  } satisfies End;
}
