/** The steps that run in this process, and the free slots for more. */
import type { StepName } from './run-step.ts';
import { longestStepMs, type Step } from './step-queue.ts';

/** `name` is undefined until the step has claimed its job, and after it ended. */
export type RunningStep = { step: Step; startedMs: number; name: StepName | undefined; done: Promise<void> };

export class RunningSteps {
  readonly #byId = new Map<string, RunningStep>();
  readonly #limits: { concurrency: number; following: number };
  readonly #onFreeSlot: () => void;
  /** How many of the steps follow fal. */
  #following = 0;

  /** Calls `onFreeSlot` when all slots were taken and one becomes free. */
  constructor(limits: { concurrency: number; following: number }, onFreeSlot: () => void) {
    this.#limits = limits;
    this.#onFreeSlot = onFreeSlot;
  }

  get size(): number {
    return this.#byId.size;
  }

  get steps(): Step[] {
    return [...this.#byId.values()].map(({ step }) => step);
  }

  /** Slots for newly leased steps. What a step will do is unknown before it has read its job, so it needs a slot of each kind. */
  get freeSlots(): number {
    return Math.min(this.freeSlotsFor('submit'), this.freeSlotsFor('follow'));
  }

  freeSlotsFor(name: StepName): number {
    const { concurrency, following } = this.#limits;
    return name === 'follow' ? following - this.#following : concurrency - (this.#byId.size - this.#following);
  }

  /**
   * Whether the step still runs here. After this process has stalled (a laptop that slept), it may lease its own running
   * step again. That step keeps the job: a second one would take the row from it, and lose the answer to a submit that is
   * under way. A step that has run for `longestStepMs` counts as lost.
   */
  has({ id }: Step, nowMs: number): boolean {
    const running = this.#byId.get(id);
    return running !== undefined && nowMs - running.startedMs < longestStepMs;
  }

  add(step: Step, startedMs: number): RunningStep {
    const running: RunningStep = { step, startedMs, name: undefined, done: Promise.resolve() };
    this.#byId.set(step.id, running);
    return running;
  }

  /** Records what the step does now. */
  rename(running: RunningStep, name: StepName | undefined): void {
    this.#change(() => this.#setName(running, name));
  }

  delete(running: RunningStep): void {
    this.#change(() => {
      this.#setName(running, undefined);
      if (this.#byId.get(running.step.id) === running) this.#byId.delete(running.step.id);
    });
  }

  async allDone(): Promise<void> {
    await Promise.all([...this.#byId.values()].map(({ done }) => done));
  }

  #setName(running: RunningStep, name: StepName | undefined): void {
    if (running.name === 'follow') this.#following -= 1;
    if (name === 'follow') this.#following += 1;
    running.name = name;
  }

  #change(change: () => void): void {
    const before = this.freeSlots;
    change();
    if (before <= 0 && this.freeSlots > 0) this.#onFreeSlot();
  }
}
