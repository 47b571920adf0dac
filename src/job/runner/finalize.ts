/**
 * FINALIZING → SUCCEEDED: reads fal's result, copies its files into our storage, and then records success. A second run
 * copies the same files to the same keys.
 */
import { settle } from '../../ledger/account.ts';
import { failpoint } from '../../runtime/failpoint.ts';
import { type Claim, commitStep } from './commit-step.ts';
import { endpointOf, requestIdOf, type StepDependencies } from './step-dependencies.ts';

export async function finalize(deps: StepDependencies, claim: Claim, signal: AbortSignal): Promise<void> {
  const { job } = claim;
  const task = deps.tasks[job.kind];
  const result = await deps.fal.result(endpointOf(job), requestIdOf(job), signal);
  await failpoint('finalize.fetched');
  const copied = await task.copy(job, result, signal);
  await failpoint('file.written');
  const succeeded = { status: 'SUCCEEDED', percent: 100, finishedAt: deps.now(), failures: 0 } as const;
  await commitStep(deps, claim, {
    // A CHECK requires status and output in one statement, and `keep` returns the output only within the transaction.
    data: async (tx) => {
      await deps.files.record(tx, copied.files);
      const { delivered, ...columns } = await task.keep(tx, job, copied);
      const { paidTenths } = await settle(tx, job, delivered);
      await failpoint('finalize.kept');
      return { ...succeeded, ...columns, paidTenths };
    },
    events: [{ type: 'SUCCEEDED', payload: {} }],
    next: 'END',
  });
  await failpoint('finalize.committed');
  const ms = succeeded.finishedAt.getTime() - job.createdAt.getTime();
  deps.log.info({ jobId: job.id, endpoint: job.endpoint, ms }, 'job succeeded');
}
