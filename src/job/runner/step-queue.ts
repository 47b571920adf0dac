/**
 * The steps of jobs, as pg-boss schedules and leases them, in the database of the jobs themselves. The job's row is the
 * truth, and a step only says that it needs work: a superfluous step does nothing, and the sweep enqueues a missing one.
 */
import { fromPrisma, type PgBoss } from 'pg-boss';
import type { Tx } from '../../database/client.ts';
import { Nudges } from '../../events/nudges.ts';

const queue = 'job-step';
const topic = 'steps';

/** A leased step: this process may work on the job now. */
export type Step = { id: string; jobId: string };

/** After this long without a heartbeat, another process may lease the step. pg-boss allows no shorter time. */
const leaseSeconds = 10;
export const heartbeatMs = 3_000;

/** A step that takes this long counts as lost, even if its process is alive. The longest step copies a gigabyte from fal. */
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

  /** Creates the queue. Call it once, after pg-boss has started and before anything is enqueued. */
  async open(): Promise<void> {
    await this.#boss.createQueue(queue, {
      // At most one waiting or running step for each job, so that two never run side by side while leases hold.
      policy: 'exclusive',
      heartbeatSeconds: leaseSeconds,
      expireInSeconds: longestSeconds,
      // A step is repeated while its job is unfinished. The job's own deadline ends it.
      retryLimit: 1_000_000,
      retentionSeconds: 30 * 24 * 60 * 60,
      deleteAfterSeconds: 60,
    });
    // pg-boss looks a queue up at its first use, over the outer client: inside a transaction on PGlite that would wait
    // for the transaction, which waits for it.
    await this.#boss.findJobs(queue, { key: 'none' });
  }

  /** Schedules the job's next step, if and only if the transaction commits. A step that already waits stays as it is. */
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

  /** Makes the job's waiting step due now, or enqueues one if there is none. A running step continues. */
  async hurry(tx: Tx, jobId: string): Promise<void> {
    const db = fromPrisma(tx);
    // 0 means now by the database's clock, from which this machine's clock may differ.
    const { updated } = await this.#boss.update(queue, undefined, { singletonKey: jobId, startAfter: 0, db });
    if (updated === 0) await this.enqueue(tx, jobId);
  }

  /** Enqueues a step for each job that has none. With `tx`, if and only if it commits. */
  async enqueueAll(jobIds: string[], tx?: Tx): Promise<void> {
    if (jobIds.length === 0) return;
    await this.#boss.insert(
      queue,
      jobIds.map((jobId) => ({ data: { jobId }, singletonKey: jobId })),
      tx === undefined ? {} : { db: fromPrisma(tx) },
    );
  }

  /** Deletes all steps and leases. Only for the start of an embedded server, which is the only process. */
  async forgetAll(): Promise<void> {
    await this.#boss.deleteAllJobs(queue);
  }

  /** Leases at most `count` due steps. */
  async lease(count: number): Promise<Step[]> {
    const leased = await this.#boss.fetch<{ jobId: string }>(queue, { batchSize: count });
    return leased.map(({ id, data }) => ({ id, jobId: data.jobId }));
  }

  /** Renews the leases. */
  async beat(steps: Step[]): Promise<void> {
    if (steps.length > 0)
      await this.#boss.touch(
        queue,
        steps.map(({ id }) => id),
      );
  }

  /** Releases the leases of steps that have not ended, so that another process can lease them at once. */
  async release(steps: Step[]): Promise<void> {
    if (steps.length > 0)
      await this.#boss.fail(
        queue,
        steps.map(({ id }) => id),
      );
  }

  /** Ends a step, in the transaction of its writes. `next` enqueues the job's next step in the same transaction. */
  async finish(tx: Tx, step: Step, next?: { afterMs: number }): Promise<void> {
    await this.#boss.complete(queue, step.id, null, { db: fromPrisma(tx) });
    if (next !== undefined) await this.enqueue(tx, step.jobId, next.afterMs > 0 ? next : {});
  }

  /** Calls `wake` when this process, or one without a worker, has enqueued a step, until the returned function is called. */
  onWake(wake: () => void): () => void {
    this.#wake = wake;
    const stop = this.#nudges.listen(topic, wake);
    return () => {
      this.#wake = undefined;
      stop();
    };
  }

  /** Wakes this process's worker after a commit, or the workers of other processes if it has none, before their next poll. */
  wake(): void {
    if (this.#wake === undefined) this.#nudges.send(topic);
    else this.#wake();
  }
}
