/**
 * The worker of one process: leases steps that are due and runs them side by side. It can be stepped by hand (`tick`),
 * which is how the tests run it, or left to itself (`start`).
 */
import { setMaxListeners } from 'node:events';
import { within } from '../../runtime/timers.ts';
import { outOfTrace } from '../../tracing/trace.ts';
import { admitWaiting, publishPositions } from '../capacity/waiting-line.ts';
import { runStep, type StepName, type StepPolicy, type StepResult, singleStep } from './run-step.ts';
import type { StepDependencies } from './step-dependencies.ts';
import { heartbeatMs, longestStepMs, type Step } from './step-queue.ts';

export type WorkerOptions = {
  /** Steps at once, but for those that follow fal. */
  concurrency: number;
  /** Steps at once that follow fal, each of which costs a socket and little else. */
  following: number;
  /** Without a wake, steps that are due are looked for this often. */
  pollMs: number;
  /** Jobs that wait for their turn are looked for this often, and whenever a step ends. */
  admitMs: number;
  /** Unfinished jobs are looked for that have no step this often. */
  sweepMs: number;
  /** What else is swept, at the start and at that pace. */
  alsoSweep?: () => Promise<void>;
  /** Called at the end of every step, for the metrics. */
  onStep?: ((step: StepMetrics) => void) | undefined;
};

export type StepMetrics = StepResult & { ms: number };

/** A step at work here. */
type Run = { step: Step; sinceMs: number; name: StepName | undefined; done: Promise<void> };

/** A step goes on with its job so long at most, and then leaves it to another, of whichever process. */
const goesOnMs = 10 * 60_000;

const defaults: WorkerOptions = { concurrency: 256, following: 2_048, pollMs: 500, admitMs: 500, sweepMs: 60_000 };

export class Worker {
  readonly #deps: StepDependencies;
  readonly #options: WorkerOptions;
  /** By the step's id. */
  readonly #running = new Map<string, Run>();
  /** How many of them follow fal. */
  #following = 0;
  readonly #stopping = new AbortController();
  /** Stop its timers, and its waking; none while it is stepped by hand. */
  #stopTimers: (() => void)[] = [];
  #leasing: Promise<void> | undefined;
  #admitting: Promise<void> | undefined;
  #sweeping: Promise<void> | undefined;
  #isWoken = false;
  #leasedAtMs: number | undefined;

  constructor(deps: StepDependencies, options: Partial<WorkerOptions> = {}) {
    this.#deps = deps;
    this.#options = { ...defaults, ...options };
    // As many as there are steps, and no leak.
    setMaxListeners(0, this.#stopping.signal);
  }

  /** Gives jobs their turns, runs every step that is due now to its end, and returns how many there were. */
  async tick(): Promise<number> {
    await this.#admit();
    const count = await this.#lease();
    await this.#allDone();
    return count;
  }

  /** How long ago it last could ask for steps, or was started; undefined when it works by hand. */
  get idleMs(): number | undefined {
    return this.#leasedAtMs === undefined ? undefined : this.#deps.timers.elapsedMs() - this.#leasedAtMs;
  }

  /** Works until stopped. */
  start(): void {
    const { timers, steps } = this.#deps;
    this.#leasedAtMs = timers.elapsedMs();
    this.#stopTimers = [
      // Whoever wakes it does so in a trace of their own, and the steps are of other jobs.
      steps.onWake(() => outOfTrace(() => this.#look())),
      timers.every(this.#options.pollMs, () => this.#look()),
      timers.every(this.#options.admitMs, () => this.#admitSoon()),
      timers.every(heartbeatMs, () => this.#beat()),
      timers.every(this.#options.sweepMs, () => this.#sweepAll()),
    ];
    this.#look();
    this.#sweepAll();
  }

  /** Sends a step for every job under way that has none: whatever was lost, the row was not. The others get their turn. */
  async sweep(): Promise<void> {
    await admitWaiting(this.#deps);
    const where = { finishedAt: null, admittedAt: { not: null } };
    const jobs = await this.#deps.prisma.job.findMany({ where, select: { id: true }, orderBy: { id: 'asc' } });
    await this.#deps.steps.enqueueAll(jobs.map(({ id }) => id));
    this.#deps.steps.wake();
  }

  /**
   * Takes no more steps, aborts those under way, and resolves when the last one has written what it knows and the leases
   * are given back. After `limitMs` it resolves anyway: a step that still runs is left to its lease, as after a crash.
   */
  async stop(limitMs?: number): Promise<void> {
    for (const stop of this.#stopTimers) stop();
    this.#stopping.abort();
    const released = this.#release();
    if (limitMs === undefined) return await released;
    await within(limitMs, released).catch(() => {
      this.#deps.log.warn({ steps: this.#running.size }, 'steps still run as the server stops; their leases run out');
    });
  }

  async #release(): Promise<void> {
    await Promise.all([this.#leasing, this.#admitting, this.#sweeping]);
    const steps = this.#steps();
    await this.#allDone();
    await this.#deps.steps.release(steps).catch((error: unknown) => {
      this.#deps.log.error({ err: error }, 'the leases of steps could not be given back; they run out');
    });
  }

  /** Looks for steps now; asked while it looks, it looks once more. */
  #look(): void {
    if (this.#stopping.signal.aborted) return;
    this.#isWoken = true;
    this.#leasing ??= this.#lookUntilNone().finally(() => {
      this.#leasing = undefined;
    });
  }

  async #lookUntilNone(): Promise<void> {
    while (this.#isWoken && !this.#stopping.signal.aborted) {
      this.#isWoken = false;
      try {
        // Fewer than there was room for are all that were due; what comes after them wakes.
        const room = this.#room();
        if ((await this.#lease()) === room && room > 0) this.#isWoken = true;
      } catch (error) {
        this.#deps.log.error({ err: error }, 'steps could not be leased');
        return;
      }
    }
  }

  /** For steps of which it is not known yet what they will do. */
  #room(): number {
    return Math.min(this.#roomFor('submit'), this.#roomFor('follow'));
  }

  #roomFor(name: StepName): number {
    const { concurrency, following } = this.#options;
    return name === 'follow' ? following - this.#following : concurrency - (this.#running.size - this.#following);
  }

  async #lease(): Promise<number> {
    const room = this.#room();
    const steps = room > 0 ? await this.#deps.steps.lease(room) : [];
    this.#leasedAtMs = this.#deps.timers.elapsedMs();
    for (const step of steps) if (!this.#isAtWork(step)) this.#run(step);
    return steps.length;
  }

  /**
   * A lease that ran out while this process stood still (a laptop asleep, a long stall) comes back to it: the step that
   * it was of is still at work, and goes on. A second one would take the job from it, with the answer to a submit in its
   * hands. One that works for too long is lost, and gets no such grace.
   */
  #isAtWork({ id }: Step): boolean {
    const run = this.#running.get(id);
    return run !== undefined && this.#deps.timers.elapsedMs() - run.sinceMs < longestStepMs;
  }

  #run(step: Step): void {
    const { timers, log } = this.#deps;
    const run: Run = { step, sinceMs: timers.elapsedMs(), name: undefined, done: Promise.resolve() };
    this.#running.set(step.id, run);
    let beganMs = run.sinceMs;
    const onDone = (result: StepResult) => {
      const nowMs = timers.elapsedMs();
      this.#options.onStep?.({ ...result, ms: nowMs - beganMs });
      beganMs = nowMs;
      // Its place at fal may be another's now.
      if (this.#isLeftAlone) this.#admitSoon();
    };
    run.done = runStep(this.#deps, step, this.#stopping.signal, { policy: this.#policyOf(run), onDone })
      .catch((error: unknown) => {
        log.error({ jobId: step.jobId, err: error }, 'a step could not be written');
        onDone({ step: 'none', outcome: 'failed' });
      })
      .finally(() => {
        this.#changeRoom(() => {
          this.#enter(run, undefined);
          if (this.#running.get(step.id) === run) this.#running.delete(step.id);
        });
      });
  }

  /** By itself, the worker lets a step go on with whatever it has room for. */
  #policyOf(run: Run): StepPolicy {
    if (!this.#isLeftAlone) return singleStep;
    return {
      entered: (name) => this.#changeRoom(() => this.#enter(run, name)),
      // Where there is no room left, a step lets go, also of what it is at: whoever waits comes to their turn.
      mayEnter: (name) => this.#deps.timers.elapsedMs() - run.sinceMs < goesOnMs && this.#roomFor(name) > 0,
    };
  }

  get #isLeftAlone(): boolean {
    return this.#stopTimers.length > 0;
  }

  #enter(run: Run, name: StepName | undefined): void {
    if (run.name === 'follow') this.#following -= 1;
    if (name === 'follow') this.#following += 1;
    run.name = name;
  }

  /** Where there was no room before, there may be steps that could not be had. */
  #changeRoom(change: () => void): void {
    const before = this.#room();
    change();
    if (this.#isLeftAlone && before <= 0 && this.#room() > 0) this.#look();
  }

  #steps(): Step[] {
    return [...this.#running.values()].map(({ step }) => step);
  }

  async #allDone(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ done }) => done));
  }

  #beat(): void {
    this.#deps.steps.beat(this.#steps()).catch((error: unknown) => {
      this.#deps.log.error({ err: error }, 'the leases of steps could not be renewed; it is tried again');
    });
  }

  async #admit(): Promise<void> {
    const isAnyWaiting = await admitWaiting(this.#deps);
    if (isAnyWaiting && !this.#stopping.signal.aborted) await publishPositions(this.#deps);
  }

  /** Unless it is at it. */
  #admitSoon(): void {
    if (this.#stopping.signal.aborted) return;
    this.#admitting ??= this.#admit()
      .catch((error: unknown) => this.#deps.log.error({ err: error }, 'waiting jobs could not be given their turn'))
      .finally(() => {
        this.#admitting = undefined;
      });
  }

  /** Unless it still sweeps. */
  #sweepAll(): void {
    this.#sweeping ??= (async () => {
      await this.sweep();
      if (!this.#stopping.signal.aborted) await this.#options.alsoSweep?.();
    })()
      .catch((error: unknown) => this.#deps.log.error({ err: error }, 'a sweep failed; it is tried again'))
      .finally(() => {
        this.#sweeping = undefined;
      });
  }
}
