/**
 * FINALIZING → SUCCEEDED: reads fal's result, copies its files into our storage, and only then calls the job a success.
 * Running it again copies the same files to the same place.
 */

import { RequestCancelled } from '../../fal/errors.ts';
import { settle } from '../../ledger/account.ts';
import { failpoint } from '../../runtime/failpoint.ts';
import { type Claim, write } from './commit-step.ts';
import { end } from './end.ts';
import { endpointOf, requestIdOf, type StepDependencies } from './step-dependencies.ts';

export async function finalize(runner: StepDependencies, claim: Claim, signal: AbortSignal): Promise<void> {
  const { job } = claim;
  const task = runner.tasks[job.kind];
  const result = await runner.fal
    .result(endpointOf(job), requestIdOf(job), signal)
    .catch((error: unknown) => (error instanceof RequestCancelled ? ('CANCELLED' as const) : Promise.reject(error)));
  if (result === 'CANCELLED') return await end(runner, claim, 'CANCELLED');
  await failpoint('finalize.fetched');
  const kept = await task.copy(job, result, signal);
  await failpoint('file.written');
  // The output is known only inside the transaction that keeps it, and the row wants it in the same statement as its state.
  const data = { status: 'SUCCEEDED', percent: 100, finishedAt: runner.now(), failures: 0 } as const;
  await write(runner, claim, {
    data: async (tx) => {
      await runner.files.record(tx, kept.files);
      const { delivered, ...columns } = await task.keep(tx, job, kept);
      const { paidTenths } = await settle(tx, job, delivered);
      await failpoint('finalize.kept');
      return { ...data, ...columns, paidTenths };
    },
    events: [{ type: 'SUCCEEDED', payload: {} }],
    next: 'END',
  });
  await failpoint('finalize.committed');
  runner.log.info({ jobId: job.id, endpoint: job.endpoint, ms: elapsedMs(claim) }, 'job succeeded');
}

function elapsedMs({ job }: Claim): number {
  return (job.finishedAt ?? job.createdAt).getTime() - job.createdAt.getTime();
}
