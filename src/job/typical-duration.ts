/** How long fal usually works on an endpoint's requests, from our own history. */
import type { Database } from '../database/client.ts';
import type { EndpointId } from '../fal/endpoints.ts';

const sampleSize = 20;

/** The median of the last twenty successes, from start to end; undefined before there is any. */
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
