/** Configures and opens pg-boss for the steps of jobs. */
import { type ConstructorOptions, PgBoss } from 'pg-boss';
import type { Logger } from 'pino';
import type { Nudges } from '../../events/nudges.ts';
import { StepQueue } from './step-queue.ts';

/** How often pg-boss looks for expired leases and deletes old steps. Its defaults are once a minute and once a day. */
const upkeep = { superviseIntervalSeconds: 3, monitorIntervalSeconds: 1, maintenanceIntervalSeconds: 60 };

export function createPgBoss(where: ConstructorOptions, log: Logger): PgBoss {
  const boss = new PgBoss({
    ...where,
    schedule: false,
    ...upkeep,
    // Its table stays small. In the embedded database, each of these queries would delay all others.
    monitorVacuum: false,
    reindex: false,
  });
  boss.on('error', (error) => log.error({ err: error }, 'pg-boss'));
  boss.on('warning', (warning) => log.warn({ warning }, 'pg-boss'));
  return boss;
}

/** Opens the queue of steps. `close` ends polling and heartbeats; the worker has stopped by then. */
export async function openStepQueue(where: ConstructorOptions, log: Logger, nudges: Nudges): Promise<OpenStepQueue> {
  const boss = createPgBoss(where, log);
  const close = () => boss.stop({ graceful: false });
  try {
    await boss.start();
    const steps = new StepQueue(boss, nudges);
    await steps.open();
    return { steps, close };
  } catch (error) {
    await close();
    throw error;
  }
}

export type OpenStepQueue = { steps: StepQueue; close(): Promise<void> };
