/** Starting an ended job anew, whichever kind it is. */
import type { Job } from '../../prisma/generated/client/client.ts';
import type { App, Viewer } from '../app.ts';
import { NotFound } from '../errors.ts';
import { retryGeneration } from '../generation/commands.ts';
import { type JobKey } from '../job/key.ts';
import { own } from '../own.ts';
import { retryTraining } from '../training/commands.ts';

/** A new job with the same input. Throws JobActive while the old one runs, and what starting one of its kind throws. */
export async function retryJob(app: App, viewer: Viewer, key: JobKey): Promise<Job> {
  const job = await app.prisma.job.findFirst({ where: { ...own.jobs(viewer), ...key } });
  if (job === null) throw new NotFound('job');
  return job.kind === 'TRAINING' ? await retryTraining(app, viewer, job) : await retryGeneration(app, viewer, job);
}
