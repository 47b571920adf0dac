/**
 * The worker of one process: leases steps that are due and runs them side by side. It can be stepped by hand (`tick`),
 * which is how the tests run it, or left to itself (`start`).
 */
import { advance } from './advance.ts';
import type { Runner } from './runner.ts';
import { unfinished } from './state.ts';
import { heartbeatMs, type Step } from './steps.ts';

export type WorkerOptions = {
  /** Steps at once. A step that follows fal costs a socket and little else. */
  concurrency: number;
  /** Without a wake, steps that are due are looked for this often. */
  pollMs: number;
  /** Unfinished jobs are looked for that have no step this often. */
  sweepMs: number;
  /** What else is swept at that pace. */
  alsoSweep?: () => Promise<void>;
};

const defaults: WorkerOptions = { concurrency: 256, pollMs: 500, sweepMs: 60_000 };

export class Worker {
  readonly #runner: Runner;
  readonly #options: WorkerOptions;
  readonly #running = new Map<Step, Promise<void>>();
  readonly #stopping = new AbortController();
  #timers: NodeJS.Timeout[] = [];
  #leasing: Promise<void> | undefined;
  #isWoken = false;

  constructor(runner: Runner, options: Partial<WorkerOptions> = {}) {
    this.#runner = runner;
    this.#options = { ...defaults, ...options };
  }

  /** Runs every step that is due now to its end, and returns how many there were. */
  async tick(): Promise<number> {
    const count = await this.#lease();
    await Promise.all(this.#running.values());
    return count;
  }

  /** Works until stopped. */
  start(): void {
    this.#runner.steps.onWake = () => this.#look();
    this.#timers = [
      setInterval(() => this.#look(), this.#options.pollMs),
      setInterval(() => this.#guard(this.#runner.steps.beat([...this.#running.keys()])), heartbeatMs),
      setInterval(() => this.#guard(this.sweep()), this.#options.sweepMs),
    ];
    this.#look();
  }

  /** Sends a step for every unfinished job that has none: whatever was lost, the row was not. */
  async sweep(): Promise<void> {
    const jobs = await this.#runner.prisma.job.findMany({
      where: { status: { in: [...unfinished] } },
      select: { id: true },
    });
    await this.#runner.steps.enqueueAll(jobs.map(({ id }) => id));
    await this.#options.alsoSweep?.();
    this.#runner.steps.wake();
  }

  /** Lets go of every job, wherever it is, and resolves when the last step has written what it knows. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#runner.steps.onWake = () => undefined;
    this.#stopping.abort();
    await this.#leasing;
    await Promise.all(this.#running.values());
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
        if ((await this.#lease()) > 0) this.#isWoken = true;
      } catch (error) {
        this.#runner.log.error({ err: error }, 'steps could not be leased');
        return;
      }
    }
  }

  async #lease(): Promise<number> {
    const room = this.#options.concurrency - this.#running.size;
    if (room <= 0) return 0;
    const steps = await this.#runner.steps.lease(room);
    for (const step of steps) {
      const run = advance(this.#runner, step, this.#stopping.signal)
        .catch((error: unknown) =>
          this.#runner.log.error({ jobId: step.jobId, err: error }, 'a step could not be written'),
        )
        .finally(() => {
          this.#running.delete(step);
          if (this.#timers.length > 0) this.#look();
        });
      this.#running.set(step, run);
    }
    return steps.length;
  }

  #guard(work: Promise<void>): void {
    work.catch((error: unknown) => this.#runner.log.error({ err: error }, 'upkeep failed; it is tried again'));
  }
}
