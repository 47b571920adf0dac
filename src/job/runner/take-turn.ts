/** A step that finds its job in the waiting line: it goes on when it is the job's turn, and ends when it is not. */
import type { Tx } from '../../database/client.ts';
import { admitIfAlone, admitWaiting } from '../capacity/waiting-line.ts';
import { type Claim, commitStep } from './commit-step.ts';
import type { StepDependencies } from './step-dependencies.ts';

/** Whether it is the job's turn. If not, this step is finished, and the admission of the job will enqueue its next one. */
export async function takeTurn(deps: StepDependencies, claim: Claim, signal: AbortSignal): Promise<boolean> {
  const { id } = claim.job;
  const isAdmitted = async (tx: Tx) => {
    const row = await tx.job.findUnique({ where: { id }, select: { admittedAt: true } });
    claim.job = { ...claim.job, admittedAt: row?.admittedAt ?? null };
    return claim.job.admittedAt !== null;
  };
  // Most of the time no other job waits: then one statement decides.
  claim.job = { ...claim.job, admittedAt: await admitIfAlone(deps, claim.job) };
  // All processes queue for the budget's lock: a worker that stops does not wait for it a second time.
  signal.throwIfAborted();
  if (claim.job.admittedAt !== null) return true;
  await admitWaiting(deps);
  signal.throwIfAborted();
  if (await isAdmitted(deps.prisma)) return true;
  await commitStep(deps, claim, {
    // Read again under the row's lock: an admission after this one finds no step of the job, and enqueues one.
    alsoWrite: async (tx) => {
      if (!(await isAdmitted(tx))) await deps.steps.finish(tx, claim.step);
    },
  });
  return claim.job.admittedAt !== null;
}
