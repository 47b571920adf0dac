/** The two ends that are not success, and how a step comes to them. */
import type { Job, JobErrorCode } from '../../../prisma/generated/client/client.ts';
import type { NewEvent } from '../../events/payload.ts';
import { settle } from '../../ledger/account.ts';
import { failpoint } from '../../runtime/failpoint.ts';
import { rememberRetired } from '../capacity/retired-endpoints.ts';
import type { Columns } from '../columns.ts';
import { type Claim, write } from './commit-step.ts';
import type { StepDependencies } from './step-dependencies.ts';

export type Failure = { code: JobErrorCode; message: string; field?: string | undefined };

/** Ends the job and the step: FAILED for a reason, or CANCELLED. What starting did is undone in the same transaction. */
export async function end(runner: StepDependencies, claim: Claim, how: Failure | 'CANCELLED'): Promise<void> {
  const { job } = claim;
  const { data, event } = how === 'CANCELLED' ? cancelled(job, runner.now()) : failed(how, runner.now());
  await write(runner, claim, {
    data,
    events: [event],
    alongside: async (tx) => {
      await settle(tx, job, 0);
      await runner.tasks[job.kind].release(tx, job, how === 'CANCELLED' ? 'CANCELLED' : 'FAILED');
      const isRetired = how !== 'CANCELLED' && how.code === 'ENDPOINT_RETIRED';
      if (isRetired) await rememberRetired(tx, job.endpoint, runner.now());
      await failpoint('end.recorded');
    },
    next: 'END',
  });
  runner.log.info(
    { jobId: job.id, endpoint: job.endpoint, ...(how === 'CANCELLED' ? {} : { code: how.code }) },
    how === 'CANCELLED' ? 'job cancelled' : 'job failed',
  );
}

type Ending = { data: Columns; event: NewEvent };

/** A job's columns and its last event when it fails. */
function failed({ code, message, field }: Failure, finishedAt: Date): Ending {
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

/** A job's columns and its last event when it is cancelled. */
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
  } satisfies Ending;
}
