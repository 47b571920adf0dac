/** A job in any state, with nobody who runs it. */
import { randomUUID } from 'node:crypto';
import type { Job, JobStatus, Prisma } from '../../prisma/generated/client/client.ts';
import type { Database } from '../../src/database/client.ts';

/** Moves a job to a state as the runner would, but without fal. */
export async function moveJob(prisma: Database, { id }: Pick<Job, 'id'>, states: JobStatus[]): Promise<Job> {
  const job = await prisma.job.findUniqueOrThrow({ where: { id } });
  for (const status of states) await prisma.job.update({ where: { id }, data: { status, ...columnsOf(job, status) } });
  return prisma.job.findUniqueOrThrow({ where: { id } });
}

function columnsOf({ kind, endpoint }: Job, status: JobStatus): Prisma.JobUncheckedUpdateInput {
  const now = new Date();
  switch (status) {
    case 'IN_QUEUE':
      return {
        admittedAt: now,
        submittingAt: now,
        submittedAt: now,
        correlationToken: randomUUID(),
        requestId: randomUUID(),
      };
    case 'SUCCEEDED': {
      const lora = {
        diffusers_lora_file: { url: 'https://v3.fal.media/l' },
        config_file: { url: 'https://v3.fal.media/c' },
      };
      const trained = endpoint === 'fal-ai/flux-pro-trainer' ? { finetune_id: 'ft-1' } : lora;
      return { output: kind === 'TRAINING' ? trained : { images: 1 }, percent: 100, finishedAt: now };
    }
    case 'FAILED':
      return { errorCode: 'INTERNAL', errorMessage: 'No.', finishedAt: now };
    case 'CANCELLED':
      return { finishedAt: now };
    case 'QUEUED':
    case 'IN_PROGRESS':
    case 'FINALIZING':
      return {};
  }
}
