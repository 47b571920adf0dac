/** The checks of /ready: the parts without which the server cannot work. fal is not one of them. */
import type { Worker } from '../job/runner/worker.ts';
import type { Checks } from '../server/http/health.ts';
import { freeBytes, minFreeForWork } from '../storage/disk-space.ts';
import type { App } from './app.ts';

/** The worker leases steps twice a second. After this long without a lease it is not ready. */
const stepsQuietMs = 10_000;

/** `worker` is undefined when this process runs no steps by itself. */
export function healthChecks({ prisma, files }: App, dataDir: string, worker: Worker | undefined): Checks {
  return {
    database: () =>
      prisma.$queryRaw`SELECT 1`.then(
        () => true as const,
        () => 'does not answer',
      ),
    async steps() {
      if (worker === undefined) return true;
      const { sinceLeaseMs } = worker;
      if (sinceLeaseMs === undefined) return 'not asked for yet';
      return sinceLeaseMs < stepsQuietMs || `not asked for in ${Math.round(sinceLeaseMs / 1000)} seconds`;
    },
    /** The disk of this machine: files pass through it even when they are stored in a bucket. */
    disk: async () => (await freeBytes(dataDir)) >= minFreeForWork || 'almost full',
    storage: () => files.health(),
  };
}
