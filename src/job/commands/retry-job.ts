/** Starting an ended job anew, whichever kind it is. */
import type { Job } from '../../../prisma/generated/client/client.ts';
import { own } from '../../access/ownership.ts';
import type { App, Viewer } from '../../app/app.ts';
import { NotFoundError } from '../../app/refusal.ts';
import { retryGeneration } from '../../generation/commands.ts';
import { retryTraining } from '../../training/commands.ts';
import { type JobKey } from '../key.ts';

/** A new job with the same input. Throws JobActiveError while the old one runs, and what starting one of its kind throws. */
export async function retryJob(app: App, viewer: Viewer, key: JobKey): Promise<Job> {
  const job = await app.prisma.job.findFirst({ where: { ...own.jobs(viewer), ...key } });
  if (job === null) throw new NotFoundError('job');
  return job.kind === 'TRAINING' ? await retryTraining(app, viewer, job) : await retryGeneration(app, viewer, job);
}
