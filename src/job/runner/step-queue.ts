/**
 * The steps of jobs, as pg-boss schedules and leases them, in the database of the jobs themselves. The job's row is the
 * truth, a step only a hint to look at it: a step too many does nothing, a missing one is sent again by the sweep.
 */
import { fromPrisma, type PgBoss } from 'pg-boss';
import type { Tx } from '../../database/client.ts';
import { Nudges } from '../../events/nudges.ts';

const queue = 'job-step';
const topic = 'steps';

/** One lease: this process may now look at that job. */
export type Step = { id: string; jobId: string };

/** A step whose process died is given to another after this long without a heartbeat. pg-boss allows no less. */
const leaseSeconds = 10;
export const heartbeatMs = 3_000;

/** However alive its process is, a step that takes this long is believed lost. The longest copies a gigabyte from fal. */
const longestSeconds = 2 * 60 * 60;
export const longestStepMs = longestSeconds * 1000;

export class StepQueue {
  readonly #boss: PgBoss;
  readonly #nudges: Nudges;
  #wake: (() => void) | undefined;

  constructor(boss: PgBoss, nudges = new Nudges()) {
    this.#boss = boss;
    this.#nudges = nudges;
  }

  /** Makes the queue. To be called once, after pg-boss has started and before anything is enqueued. */
  async open(): Promise<void> {
    await this.#boss.createQueue(queue, {
      // One step a job, waiting or at work, so that two never run side by side while leases hold.
      policy: 'exclusive',
      heartbeatSeconds: leaseSeconds,
      expireInSeconds: longestSeconds,
      // A step is tried as long as its job is unfinished; the job's own deadline ends it.
      retryLimit: 1_000_000,
      retentionSeconds: 30 * 24 * 60 * 60,
      deleteAfterSeconds: 60,
    });
    // pg-boss looks a queue up at its first use, over the outer client: inside a transaction on PGlite that would wait
    // for the transaction, which waits for it.
    await this.#boss.findJobs(queue, { key: 'none' });
  }

  /** Schedules the job's next step, if and only if the transaction commits. Where one is already waiting, it stays as it is. */
  async enqueue(tx: Tx, jobId: string, options: { afterMs?: number } = {}): Promise<void> {
    await this.#boss.send(
      queue,
      { jobId },
      {
        singletonKey: jobId,
        ...(options.afterMs === undefined ? {} : { startAfter: new Date(Date.now() + options.afterMs) }),
        db: fromPrisma(tx),
      },
    );
  }

  /** Brings the job's waiting step forward to now, or schedules one where there is none. One that is at work goes on. */
  async hurry(tx: Tx, jobId: string): Promise<void> {
    const db = fromPrisma(tx);
    // 0 is the database's now: by this machine's clock a step could still wait, or wait again.
    const { updated } = await this.#boss.update(queue, undefined, { singletonKey: jobId, startAfter: 0, db });
    if (updated === 0) await this.enqueue(tx, jobId);
  }

  /** A step for each job that has none; if and only if the transaction commits, when there is one. */
  async enqueueAll(jobIds: string[], tx?: Tx): Promise<void> {
    if (jobIds.length === 0) return;
    await this.#boss.insert(
      queue,
      jobIds.map((jobId) => ({ data: { jobId }, singletonKey: jobId })),
      tx === undefined ? {} : { db: fromPrisma(tx) },
    );
  }

  /** Forgets every step, leases included. Only where this process is the only one: at the start of an embedded server. */
  async forgetAll(): Promise<void> {
    await this.#boss.deleteAllJobs(queue);
  }

  /** Leases up to so many steps that are due. */
  async lease(count: number): Promise<Step[]> {
    const leased = await this.#boss.fetch<{ jobId: string }>(queue, { batchSize: count });
    return leased.map(({ id, data }) => ({ id, jobId: data.jobId }));
  }

  /** Keeps leases alive. */
  async beat(steps: Step[]): Promise<void> {
    if (steps.length > 0)
      await this.#boss.touch(
        queue,
        steps.map(({ id }) => id),
      );
  }

  /** Gives back the leases of those steps that have not ended: whoever comes next may have them at once. */
  async release(steps: Step[]): Promise<void> {
    if (steps.length > 0)
      await this.#boss.fail(
        queue,
        steps.map(({ id }) => id),
      );
  }

  /** Ends a step, in the transaction of what it did; `next` schedules the job's next one in the same transaction. */
  async finish(tx: Tx, step: Step, next?: { afterMs: number }): Promise<void> {
    await this.#boss.complete(queue, step.id, null, { db: fromPrisma(tx) });
    if (next !== undefined) await this.enqueue(tx, step.jobId, next.afterMs > 0 ? next : {});
  }

  /**
   * Calls back when a step was enqueued here, or by a process that works none, until the returned function is called.
   */
  onWake(wake: () => void): () => void {
    this.#wake = wake;
    const stop = this.#nudges.listen(topic, wake);
    return () => {
      this.#wake = undefined;
      stop();
    };
  }

  /** Wakes this process's worker after a commit, or those of others when it has none, so that nobody waits for a poll. */
  wake(): void {
    if (this.#wake === undefined) this.#nudges.send(topic);
    else this.#wake();
  }
}
