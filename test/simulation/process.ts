/** One life of the server: the real core over gated parts. When it dies, nothing of it goes on, and what was committed stays. */
import { setMaxListeners } from 'node:events';
import { pino } from 'pino';
import type { Database, Tx } from '../../src/database/client.ts';
import { Events } from '../../src/events/events.ts';
import { Nudges } from '../../src/events/nudges.ts';
import { admitWaiting, publishPositions } from '../../src/job/capacity/waiting-line.ts';
import { runStep } from '../../src/job/runner/run-step.ts';
import type { StepDependencies } from '../../src/job/runner/step-dependencies.ts';
import type { Step } from '../../src/job/runner/step-queue.ts';
import { Worker } from '../../src/job/runner/worker.ts';
import { handleWebhook, type WebhookParts } from '../../src/job/webhook/handle-webhook.ts';
import { realTimers } from '../../src/runtime/timers.ts';
import type { Gate, SimulatedFal } from './fal.ts';
import type { SimulatedSteps } from './steps.ts';
import { type SimulatedStore, simulatedTask } from './task.ts';

export type Surroundings = {
  prisma: Database;
  steps: SimulatedSteps;
  store: SimulatedStore;
  fal: SimulatedFal;
  gate: Gate;
  now: () => Date;
  /** Whether the next nudge is lost. */
  losesNudge: () => boolean;
};

export class SimulatedProcess {
  isDead = false;
  readonly runner: StepDependencies;
  readonly events: Events;
  readonly died: Promise<'DIED'>;
  readonly #around: Surroundings;
  readonly #signal = new AbortController().signal;
  #die: () => void = () => undefined;

  constructor(around: Surroundings) {
    this.#around = around;
    // As many as there are steps, and no leak.
    setMaxListeners(0, this.#signal);
    this.died = new Promise((resolve) => {
      this.#die = () => resolve('DIED');
    });
    const { now, fal, store, steps } = around;
    const prisma = this.#gatedDatabase();
    this.events = new Events(prisma, new Nudges(this.#bus()));
    const task = simulatedTask(store, this.gate);
    const log = pino({ enabled: false });
    this.runner = {
      prisma,
      events: this.events,
      steps: steps.port,
      files: store.port,
      log,
      now,
      falLimits: { submitsPerMinute: 100_000, jobsAtOnce: 2, statusReadsPerMinute: 100_000 },
      deadlineMs: () => 60_000,
      fal: fal.portFor(this.gate),
      tasks: { TRAINING: { ...task, kind: 'TRAINING' }, GENERATION: task },
      webhookUrl: (token) => token,
      followMs: 25_000,
      timers: realTimers,
      random: () => 0,
    };
  }

  /** Waits for the scheduler's word; for the dead it never comes. */
  readonly gate: Gate = async (label) => {
    await this.#around.gate(label);
    if (this.isDead) await new Promise(() => undefined);
  };

  async advance(step: Step): Promise<void> {
    await runStep(this.runner, step, this.#signal, { policy: { entered: () => undefined, mayEnter: () => true } });
  }

  async notice(token: string, requestId: string): Promise<void> {
    const parts: WebhookParts = { ...this.runner, keyHash: '0'.repeat(64) };
    await handleWebhook(parts, { token, requestId, falUserId: 'user' });
  }

  /** What a worker does of itself: turns, places, and steps for whatever has none. */
  async upkeep(): Promise<void> {
    await admitWaiting(this.runner);
    await publishPositions(this.runner);
    await new Worker(this.runner).sweep();
  }

  kill(): void {
    this.isDead = true;
    this.events.close();
    this.#around.steps.expireOf(this);
    this.#die();
  }

  /** Others may come in between before and after each transaction, and death, too. */
  #gatedDatabase(): Database {
    const { prisma, steps } = this.#around;
    const transaction = async (work: (tx: Tx) => Promise<unknown>) => {
      await this.gate('transaction');
      let used: Tx | undefined;
      try {
        const result = await prisma.$transaction((tx) => {
          used = tx;
          return work(tx);
        });
        if (used) steps.settle(used, true);
        await this.gate('committed');
        return result;
      } catch (error) {
        if (used) steps.settle(used, false);
        throw error;
      }
    };
    // What is written by one statement is a transaction of its own.
    const queryRaw = async (...args: Parameters<Database['$queryRaw']>) => {
      await this.gate('statement');
      const rows: unknown = await prisma.$queryRaw(...args);
      await this.gate('done');
      return rows;
    };
    return new Proxy(prisma, {
      get: (target, key) => {
        if (key === '$transaction') return transaction;
        if (key === '$queryRaw') return queryRaw;
        const value: unknown = Reflect.get(target, key);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  /** A bus that may lose what it is given, and hands it on later. */
  #bus() {
    const target = new EventTarget();
    return {
      addEventListener: target.addEventListener.bind(target),
      removeEventListener: target.removeEventListener.bind(target),
      dispatchEvent: (event: Event) => {
        if (!this.#around.losesNudge()) void this.gate('nudge').then(() => target.dispatchEvent(event));
        return true;
      },
    };
  }
}
