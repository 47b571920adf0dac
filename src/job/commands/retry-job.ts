/** Starting an ended job anew, whichever kind it is. */
import type { Job } from '../../../prisma/generated/client/client.ts';
import { owned } from '../../access/ownership.ts';
import type { App, Viewer } from '../../app/app.ts';
import { retryGeneration } from '../../generation/commands.ts';
import { NotFoundError } from '../../refusal/refusal.ts';
import { retryTraining } from '../../training/commands.ts';
import { type JobKey } from '../key.ts';

/** A new job with the same input. Throws JobActiveError while the old one runs, and what starting one of its kind throws. */
export async function retryJob(app: App, viewer: Viewer, key: JobKey): Promise<Job> {
  const job = await app.prisma.job.findFirst({ where: { ...owned.jobs(viewer), ...key } });
  if (job === null) throw new NotFoundError('job');
  return job.kind === 'TRAINING' ? await retryTraining(app, viewer, job) : await retryGeneration(app, viewer, job);
}
