/** Starts a new job with the input of an ended one, of any kind. */
import type { Job } from '../../../prisma/generated/client/client.ts';
import { owned } from '../../access/ownership.ts';
import type { Viewer } from '../../access/session.ts';
import type { App } from '../../app/app.ts';
import { NotFoundError } from '../../refusal/refusal.ts';
import type { JobKey } from '../key.ts';

/** A new job with the same input. Throws NotFoundError, JobActiveError while the old one runs, and the refusals of its kind. */
export async function retryJob(app: Pick<App, 'prisma' | 'tasks'>, viewer: Viewer, key: JobKey): Promise<Job> {
  const job = await app.prisma.job.findFirst({ where: { ...owned.jobs(viewer), ...key } });
  if (job === null) throw new NotFoundError('job');
  return await app.tasks[job.kind].retry(job);
}
