/** How long fal usually works on a request of an endpoint, from our own history. */
import type { Database } from '../database/client.ts';
import type { EndpointId } from '../fal/endpoints.ts';

const sampleSize = 20;

/** The median over the last twenty successful jobs, from fal's start to the job's end. Undefined before the first success. */
export async function typicalMs(prisma: Database, endpoint: EndpointId): Promise<number | undefined> {
  const jobs = await prisma.job.findMany({
    where: { endpoint, status: 'SUCCEEDED', startedAt: { not: null } },
    orderBy: { finishedAt: 'desc' },
    take: sampleSize,
    select: { startedAt: true, finishedAt: true },
  });
  const durations = jobs
    .map(({ startedAt, finishedAt }) => (finishedAt?.getTime() ?? 0) - (startedAt?.getTime() ?? 0))
    .sort((a, b) => a - b);
  return durations[Math.floor(durations.length / 2)];
}
