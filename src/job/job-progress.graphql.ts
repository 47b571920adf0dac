/** GraphQL: how far a job is. */
import type { Job } from '../../prisma/generated/client/client.ts';
import { builder } from '../graphql/builder.ts';

const ProgressSource = builder.enumType('ProgressSource', {
  description: 'Where a percentage comes from.',
  values: {
    MEASURED: { description: 'Read from fal’s logs: a bar whose total equals the steps asked for.' },
    ESTIMATED: { description: 'Estimated from the time this endpoint usually takes here.' },
    UNKNOWN: { description: 'Neither is known.' },
  } as const,
});

export const Progress = builder.simpleObject('Progress', {
  description: 'How far a job is.',
  fields: (t) => ({
    percent: t.int({
      nullable: true,
      description: '0 to 99 while running, 100 only when SUCCEEDED; never decreases. Null when unknown.',
    }),
    step: t.int({ nullable: true, description: 'Steps done, when fal’s logs tell.' }),
    totalSteps: t.int({ nullable: true, description: 'Steps in all, when fal’s logs tell.' }),
    source: t.field({ type: ProgressSource, nullable: false, description: 'Where the percentage comes from.' }),
    etaSeconds: t.int({
      nullable: true,
      description: 'Seconds to go, at the rate so far. Null when unknown, and when the job has ended.',
    }),
  }),
});

/** At the rate of the percentage so far. */
export function etaSeconds(job: Pick<Job, 'percent' | 'startedAt' | 'finishedAt'>, now: Date): number | null {
  if (job.finishedAt !== null || job.startedAt === null || job.percent === null || job.percent < 1) return null;
  const elapsedMs = now.getTime() - job.startedAt.getTime();
  return Math.max(0, Math.round((elapsedMs * (100 - job.percent)) / job.percent / 1000));
}
