/** A step whose job is in the waiting line continues if it is the job's turn; otherwise the step ends. */
import type { Tx } from '../../database/client.ts';
import { admitIfAlone, admitWaiting } from '../capacity/waiting-line.ts';
import { type Claim, commitStep } from './commit-step.ts';
import type { StepDependencies } from './step-dependencies.ts';

/** Whether it is the job's turn. If not, finishes this step; the admission of the job will enqueue the next one. */
export async function takeTurn(deps: StepDependencies, claim: Claim, signal: AbortSignal): Promise<boolean> {
  const { id } = claim.job;
  const isAdmitted = async (tx: Tx) => {
    const row = await tx.job.findUnique({ where: { id }, select: { admittedAt: true } });
    claim.job = { ...claim.job, admittedAt: row?.admittedAt ?? null };
    return claim.job.admittedAt !== null;
  };
  // Usually no other job waits, and one statement is enough.
  claim.job = { ...claim.job, admittedAt: await admitIfAlone(deps, claim.job) };
  // All processes wait for the budget's lock. A worker that stops does not wait for it a second time.
  signal.throwIfAborted();
  if (claim.job.admittedAt !== null) return true;
  await admitWaiting(deps);
  signal.throwIfAborted();
  if (await isAdmitted(deps.prisma)) return true;
  await commitStep(deps, claim, {
    // Read again under the row's lock. An admission that comes later finds no step of the job, and enqueues one.
    alsoWrite: async (tx) => {
      if (!(await isAdmitted(tx))) await deps.steps.finish(tx, claim.step);
    },
  });
  return claim.job.admittedAt !== null;
}
