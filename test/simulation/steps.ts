/**
 * The steps of jobs without pg-boss and its clocks: what the core relies on of it. One step a job, waiting or leased
 * (policy exclusive); what is written in a transaction is there if and only if it commits; a leased step that nobody
 * finishes comes back, to somebody else, while the first may still be at it. The real pg-boss is in every other test.
 */
import { randomUUID } from 'node:crypto';
import type { Tx } from '../../src/database/client.ts';
import type { Step, StepQueue } from '../../src/job/runner/step-queue.ts';

type Held = { step: Step; dueAt: number; holder: object | undefined };

export class SimulatedSteps {
  readonly #byJob = new Map<string, Held>();
  /** What transactions under way will bring about. */
  readonly #pending = new Map<Tx, (() => void)[]>();
  readonly #now: () => number;
  onWake: () => void = () => undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** As the core knows it. */
  get port(): StepQueue {
    return this as unknown as StepQueue;
  }

  async enqueue(tx: Tx, jobId: string, { afterMs = 0 } = {}): Promise<void> {
    this.#at(tx, () => this.#add(jobId, afterMs));
  }
  async enqueueAll(jobIds: string[], tx?: Tx): Promise<void> {
    this.#at(tx, () => {
      for (const jobId of jobIds) this.#add(jobId, 0);
    });
  }
  async hurry(tx: Tx, jobId: string): Promise<void> {
    this.#at(tx, () => {
      const held = this.#byJob.get(jobId);
      if (held === undefined) this.#add(jobId, 0);
      else if (held.holder === undefined) held.dueAt = this.#now();
    });
  }
  async finish(tx: Tx, step: Step, next?: { afterMs: number }): Promise<void> {
    this.#at(tx, () => {
      // pg-boss finishes a step for whoever asks, also when its lease is another's by now.
      if (this.#byJob.get(step.jobId)?.step.id === step.id) this.#byJob.delete(step.jobId);
      if (next !== undefined) this.#add(step.jobId, next.afterMs);
    });
  }
  wake(): void {
    this.onWake();
  }

  /** A transaction's outcome, for what was written in it. */
  settle(tx: Tx, committed: boolean): void {
    const pending = this.#pending.get(tx) ?? [];
    this.#pending.delete(tx);
    if (committed) for (const apply of pending) apply();
  }

  due(): Step[] {
    return this.#held((held) => held.holder === undefined && held.dueAt <= this.#now()).map(({ step }) => step);
  }
  lease(step: Step, holder: object): boolean {
    const held = this.#byJob.get(step.jobId);
    if (held?.step.id !== step.id || held.holder !== undefined || held.dueAt > this.#now()) return false;
    held.holder = holder;
    return true;
  }
  leased(): Step[] {
    return this.#held(({ holder }) => holder !== undefined).map(({ step }) => step);
  }
  /** The lease has run out. Whoever had it does not know. */
  expire(step: Step): void {
    const held = this.#byJob.get(step.jobId);
    if (held?.step.id === step.id) held.holder = undefined;
  }
  /** Its process has died. */
  expireOf(holder: object): void {
    for (const held of this.#byJob.values()) if (held.holder === holder) held.holder = undefined;
  }

  #held(which: (held: Held) => boolean): Held[] {
    return [...this.#byJob.values()].filter(which);
  }
  #add(jobId: string, afterMs: number): void {
    if (this.#byJob.has(jobId)) return;
    this.#byJob.set(jobId, { step: { id: randomUUID(), jobId }, dueAt: this.#now() + afterMs, holder: undefined });
  }
  #at(tx: Tx | undefined, apply: () => void): void {
    if (tx === undefined) return apply();
    const pending = this.#pending.get(tx) ?? [];
    pending.push(apply);
    this.#pending.set(tx, pending);
  }
}
