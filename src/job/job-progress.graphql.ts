/** GraphQL: the progress of a job. */
import type { Job } from '../../prisma/generated/client/client.ts';
import { builder } from '../graphql/builder.ts';

const ProgressSource = builder.enumType('ProgressSource', {
  description: 'The source of a percentage.',
  values: {
    MEASURED: { description: 'fal’s logs: a progress bar whose total equals the requested steps.' },
    ESTIMATED: { description: 'An estimate, from the time that this server’s past jobs took on the endpoint.' },
    UNKNOWN: { description: 'Neither source is available, so the percentage is null.' },
  } as const,
});

export const Progress = builder.simpleObject('Progress', {
  description: 'The progress of a job.',
  fields: (t) => ({
    percent: t.int({
      nullable: true,
      description:
        'Percent done. 0 to 99 while the job runs and 100 only when it is SUCCEEDED; never decreases. Null if unknown.',
    }),
    step: t.int({ nullable: true, description: 'The number of finished steps. Null if fal’s logs do not show it.' }),
    totalSteps: t.int({ nullable: true, description: 'The total number of steps. Null if fal’s logs do not show it.' }),
    source: t.field({ type: ProgressSource, nullable: false, description: 'The source of the percentage.' }),
    etaSeconds: t.int({
      nullable: true,
      description:
        'Seconds until the job is done, extrapolated from its progress so far. Null if unknown or if the job has ended.',
    }),
  }),
});

/** Extrapolates from the percentage so far. Null if unknown or if the job has ended. */
export function etaSeconds(job: Pick<Job, 'percent' | 'startedAt' | 'finishedAt'>, now: Date): number | null {
  if (job.finishedAt !== null || job.startedAt === null || job.percent === null || job.percent < 1) return null;
  const elapsedMs = now.getTime() - job.startedAt.getTime();
  return Math.max(0, Math.round((elapsedMs * (100 - job.percent)) / job.percent / 1000));
}
