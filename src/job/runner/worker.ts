/**
 * The worker of one process: leases due steps and runs them side by side. It runs by itself after `start`; tests drive it
 * with `tick` instead.
 */
import { setMaxListeners } from 'node:events';
import { within } from '../../runtime/timers.ts';
import { outOfTrace } from '../../tracing/trace.ts';
import { admitWaiting, publishPositions } from '../capacity/waiting-line.ts';
import { runStep, type StepPolicy, type StepResult, singleStep } from './run-step.ts';
import { type RunningStep, RunningSteps } from './running-steps.ts';
import type { StepDependencies } from './step-dependencies.ts';
import { heartbeatMs, type Step } from './step-queue.ts';

export type WorkerOptions = {
  /** The most steps at once, not counting those that follow fal. */
  concurrency: number;
  /** The most steps at once that follow fal. Each costs a socket and little else. */
  following: number;
  /** How often to look for due steps when no wake arrives. */
  pollMs: number;
  /** How often to admit waiting jobs. Each step that ends admits them too. */
  admitMs: number;
  /** How often to look for unfinished jobs without a step. */
  sweepMs: number;
  /** Further work of a sweep. */
  alsoSweep?: () => Promise<void>;
  /** Called after each step. */
  onStep?: ((metrics: StepMetrics) => void) | undefined;
};

export type StepMetrics = StepResult & { ms: number };

/** A step may continue with its job's next steps for this long; then it ends, and any process may lease the next one. */
const maxContinueMs = 10 * 60_000;

const defaults: WorkerOptions = { concurrency: 256, following: 2_048, pollMs: 500, admitMs: 500, sweepMs: 60_000 };

export class Worker {
  readonly #deps: StepDependencies;
  readonly #options: WorkerOptions;
  readonly #running: RunningSteps;
  readonly #stopping = new AbortController();
  /** Functions that stop the timers and the wake listener. Empty unless started. */
  #stopTimers: (() => void)[] = [];
  #leasing: Promise<void> | undefined;
  #admitting: Promise<void> | undefined;
  #sweeping: Promise<void> | undefined;
  #isWoken = false;
  #leasedAtMs: number | undefined;

  constructor(deps: StepDependencies, options: Partial<WorkerOptions> = {}) {
    this.#deps = deps;
    this.#options = { ...defaults, ...options };
    this.#running = new RunningSteps(this.#options, () => this.#isStarted && this.#leaseSoon());
    // Every running step listens to this signal; more listeners than Node's default limit are no leak.
    setMaxListeners(0, this.#stopping.signal);
  }

  /** Admits waiting jobs, runs all due steps to completion, and returns their number. */
  async tick(): Promise<number> {
    await this.#admit();
    const count = await this.#lease();
    await this.#running.allDone();
    return count;
  }

  /**
   * The time since the worker last leased steps, or since it started. A lease counts even when no slot was free, so that none
   * was asked of the queue. Undefined before the start.
   */
  get sinceLeaseMs(): number | undefined {
    return this.#leasedAtMs === undefined ? undefined : this.#deps.timers.elapsedMs() - this.#leasedAtMs;
  }

  /** Leases and runs steps until stopped. */
  start(): void {
    const { timers, steps } = this.#deps;
    this.#leasedAtMs = timers.elapsedMs();
    this.#stopTimers = [
      // A wake comes within the trace of its sender; the steps belong to other jobs.
      steps.onWake(() => outOfTrace(() => this.#leaseSoon())),
      timers.every(this.#options.pollMs, () => this.#leaseSoon()),
      timers.every(this.#options.admitMs, () => this.#admitSoon()),
      timers.every(heartbeatMs, () => this.#renewLeases()),
      timers.every(this.#options.sweepMs, () => this.#sweepSoon()),
    ];
    this.#leaseSoon();
    this.#sweepSoon();
  }

  /** Admits waiting jobs, and enqueues a step for every admitted, unfinished job that has none. */
  async sweep(): Promise<void> {
    await admitWaiting(this.#deps);
    const where = { finishedAt: null, admittedAt: { not: null } };
    const jobs = await this.#deps.prisma.job.findMany({ where, select: { id: true }, orderBy: { id: 'asc' } });
    await this.#deps.steps.enqueueAll(jobs.map(({ id }) => id));
    this.#deps.steps.wake();
  }

  /**
   * Leases no more steps, aborts the running ones, and resolves when they have committed and their leases are released.
   * Resolves after `limitMs` in any case: the lease of a step that still runs then expires, as after a crash.
   */
  async stop(limitMs?: number): Promise<void> {
    for (const stop of this.#stopTimers) stop();
    this.#stopping.abort();
    const released = this.#release();
    if (limitMs === undefined) return await released;
    await within(limitMs, released).catch(() => {
      this.#deps.log.warn(
        { steps: this.#running.size },
        'the server stops while steps still run; their leases will expire',
      );
    });
  }

  async #release(): Promise<void> {
    await Promise.all([this.#leasing, this.#admitting, this.#sweeping]);
    const { steps } = this.#running;
    await this.#running.allDone();
    await this.#deps.steps.release(steps).catch((error: unknown) => {
      this.#deps.log.error({ err: error }, 'the leases of steps could not be released; they will expire');
    });
  }

  /** Leases steps now. A call during a lease makes it lease once more. */
  #leaseSoon(): void {
    if (this.#stopping.signal.aborted) return;
    this.#isWoken = true;
    this.#leasing ??= this.#leaseUntilNone().finally(() => {
      this.#leasing = undefined;
    });
  }

  async #leaseUntilNone(): Promise<void> {
    while (this.#isWoken && !this.#stopping.signal.aborted) {
      this.#isWoken = false;
      try {
        // A full batch may have left due steps behind. Later steps come with a wake.
        const { freeSlots } = this.#running;
        if ((await this.#lease()) === freeSlots && freeSlots > 0) this.#isWoken = true;
      } catch (error) {
        this.#deps.log.error({ err: error }, 'steps could not be leased');
        return;
      }
    }
  }

  async #lease(): Promise<number> {
    const { freeSlots } = this.#running;
    const steps = freeSlots > 0 ? await this.#deps.steps.lease(freeSlots) : [];
    const nowMs = this.#deps.timers.elapsedMs();
    this.#leasedAtMs = nowMs;
    for (const step of steps) if (!this.#running.has(step, nowMs)) this.#run(step);
    return steps.length;
  }

  #run(step: Step): void {
    const { timers, log } = this.#deps;
    const running = this.#running.add(step, timers.elapsedMs());
    let startedMs = running.startedMs;
    const onDone = (result: StepResult) => {
      const nowMs = timers.elapsedMs();
      this.#options.onStep?.({ ...result, ms: nowMs - startedMs });
      startedMs = nowMs;
      // fal may have room for another job now.
      if (this.#isStarted) this.#admitSoon();
    };
    running.done = runStep(this.#deps, step, this.#stopping.signal, { policy: this.#policyOf(running), onDone })
      .catch((error: unknown) => {
        log.error({ jobId: step.jobId, err: error }, 'a step could not be written');
        onDone({ step: 'none', outcome: 'failed' });
      })
      .finally(() => this.#running.delete(running));
  }

  /** A started worker lets a step continue with its job's next step while slots are free. */
  #policyOf(running: RunningStep): StepPolicy {
    if (!this.#isStarted) return singleStep;
    return {
      entered: (name) => this.#running.rename(running, name),
      // Without a free slot the step ends, even when it would only repeat what it does: steps that wait get their turn.
      mayEnter: (name) =>
        this.#deps.timers.elapsedMs() - running.startedMs < maxContinueMs && this.#running.freeSlotsFor(name) > 0,
    };
  }

  get #isStarted(): boolean {
    return this.#stopTimers.length > 0;
  }

  #renewLeases(): void {
    this.#deps.steps.beat(this.#running.steps).catch((error: unknown) => {
      this.#deps.log.error({ err: error }, 'the leases of steps could not be renewed; the worker tries again');
    });
  }

  async #admit(): Promise<void> {
    const isAnyWaiting = await admitWaiting(this.#deps);
    if (isAnyWaiting && !this.#stopping.signal.aborted) await publishPositions(this.#deps);
  }

  /** Does nothing while an admission runs. */
  #admitSoon(): void {
    if (this.#stopping.signal.aborted) return;
    this.#admitting ??= this.#admit()
      .catch((error: unknown) => this.#deps.log.error({ err: error }, 'waiting jobs could not be admitted'))
      .finally(() => {
        this.#admitting = undefined;
      });
  }

  /** Does nothing while a sweep runs. */
  #sweepSoon(): void {
    this.#sweeping ??= (async () => {
      await this.sweep();
      if (!this.#stopping.signal.aborted) await this.#options.alsoSweep?.();
    })()
      .catch((error: unknown) => this.#deps.log.error({ err: error }, 'a sweep failed; the worker tries again'))
      .finally(() => {
        this.#sweeping = undefined;
      });
  }
}
