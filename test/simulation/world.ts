/**
 * One schedule: owners, jobs, workers, subscribers, crashes and the clock, in the order that fast-check's scheduler picks.
 * Between two of its picks everything runs until it waits again, so that a seed gives the same schedule each time.
 */
import type { Scheduler } from 'fast-check';
import { vi } from 'vitest';
import type { Database } from '../../src/database/client.ts';
import { cancelJob, JobFinishedError } from '../../src/job/commands/cancel-job.ts';
import { startJob } from '../../src/job/commands/start-job.ts';
import type { Step } from '../../src/job/runner/step-queue.ts';
import { issue } from '../../src/ledger/account.ts';
import { addAvatar, addUser } from '../support/rows.ts';
import { type JobPlan, SimulatedFal, type SimulatedRequest } from './fal.ts';
import { SimulatedProcess } from './process.ts';
import { SimulatedSteps } from './steps.ts';
import { SimulatedStore } from './task.ts';

export type Plan = {
  jobs: (JobPlan & { owner: 0 | 1; cancel: boolean; retry: boolean; drops: number })[];
  crashes: number;
  /** Leases that run out under a step that is still at work. */
  expiries: number;
  /** Milliseconds that pass at once, now and then. */
  ticks: number[];
  /** Which of the nudges are lost. */
  lostNudges: boolean[];
};

export type Followed = { tag: string; jobId: string; sequences: number[]; payloads: string[] };

let jobs = 0;
/** Jobs go in the order of their ids, so those must not be left to chance. */
function nextId(): string {
  jobs += 1;
  return `00000000-0000-7000-8000-${jobs.toString(16).padStart(12, '0')}`;
}

/** Every start reserves its price from what the owner was granted. */
const metering = { isOn: true, dailyBudgetTenths: null };
export const grantedTenths = 1_000_000;

/** As many picks as no schedule needs. */
const endless = 4_000;

export class World {
  readonly store = new SimulatedStore();
  readonly fal: SimulatedFal;
  readonly followed: Followed[] = [];
  readonly started: { tag: string; owner: number; jobId: string }[] = [];
  readonly trace: string[] = [];
  readonly owners: { id: string; avatarId: string; canary: string }[] = [];
  readonly #prisma: Database;
  readonly #busy: () => number;
  readonly #scheduler: Scheduler;
  readonly #plan: Plan;
  readonly #plans = new Map<string, JobPlan>();
  readonly #steps = new SimulatedSteps(() => Date.now());
  readonly #offered = new Set<string>();
  readonly #errors: unknown[] = [];
  #process: SimulatedProcess;
  #actors = 0;

  constructor(options: { prisma: Database; busy: () => number; scheduler: Scheduler; plan: Plan }) {
    this.#prisma = options.prisma;
    this.#busy = options.busy;
    this.#scheduler = options.scheduler;
    this.#plan = options.plan;
    this.fal = new SimulatedFal({
      plans: this.#plans,
      gate: this.#gate,
      deliver: async (request) => this.#deliver(request),
    });
    this.#process = this.#newProcess();
  }

  /** Runs it to the end. Throws what went wrong on the way. */
  async run(): Promise<void> {
    const { jobs, crashes, expiries, ticks } = this.#plan;
    for (const n of [0, 1]) {
      const { id } = await addUser(this.#prisma);
      const grant = {
        ownerId: id,
        kind: 'GRANT',
        tenths: grantedTenths,
        reason: 'test',
        idempotencyKey: null,
      } as const;
      await this.#prisma.$transaction((tx) => issue(tx, grant));
      const avatar = await addAvatar(this.#prisma, id);
      this.owners.push({ id, avatarId: avatar.id, canary: `canary-${n}-${id}` });
    }
    for (const [n, job] of jobs.entries()) this.#act(async () => this.#own(job, n));
    for (let n = 0; n < crashes; n += 1) this.#act(async () => this.#crash());
    for (let n = 0; n < expiries; n += 1) this.#act(async () => this.#expire());
    for (const ms of ticks) {
      this.#act(async () => {
        await this.#gate('time');
        this.#pass(ms);
      });
    }
    for (let picks = 0; this.#actors > 0; picks += 1) {
      if (picks > endless) throw new Error(`Nothing comes to an end: ${await this.#state()}`);
      await this.#settle();
      if (this.#actors === 0) break;
      this.#offer();
      if (this.#errors.length > 0) throw this.#errors[0];
      if (this.#scheduler.count() > 0) await this.#scheduler.waitOne();
      else {
        this.#pass(5_000);
        const process = this.#process;
        this.#act(async () => Promise.race([process.upkeep(), process.died]));
      }
    }
    this.#process.kill();
  }

  readonly #gate = async (label: string): Promise<void> => {
    await this.#scheduler.schedule(Promise.resolve(), label);
    this.trace.push(label);
  };

  /** What must come to its end before the schedule does. */
  #act(work: () => Promise<unknown>): void {
    this.#actors += 1;
    work()
      .catch((error: unknown) => this.#errors.push(error))
      .finally(() => {
        this.#actors -= 1;
      });
  }

  /** Until nothing moves but by the scheduler's word or the clock's. */
  async #settle(): Promise<void> {
    for (let quiet = 0; quiet < 4; ) {
      await new Promise((resolve) => setImmediate(resolve));
      quiet = this.#busy() === 0 ? quiet + 1 : 0;
    }
  }

  #pass(ms: number): void {
    this.trace.push(`+${ms}`);
    vi.advanceTimersByTime(ms);
  }

  #newProcess(): SimulatedProcess {
    let nudges = 0;
    const { lostNudges } = this.#plan;
    const process = new SimulatedProcess({
      prisma: this.#prisma,
      steps: this.#steps,
      store: this.store,
      fal: this.fal,
      gate: this.#gate,
      now: () => new Date(),
      losesNudge: () => lostNudges[nudges++ % Math.max(lostNudges.length, 1)] ?? false,
    });
    return process;
  }

  /** Offers each step that is due to the worker; the scheduler says when it is taken. */
  #offer(): void {
    for (const step of this.#steps.due()) {
      if (this.#offered.has(step.id)) continue;
      this.#offered.add(step.id);
      this.#take(step).catch((error: unknown) => this.#errors.push(error));
    }
  }

  async #take(step: Step): Promise<void> {
    await this.#gate('lease');
    this.#offered.delete(step.id);
    const process = this.#process;
    if (!this.#steps.lease(step, process)) return;
    // What could not be written is tried again, when its lease has run out.
    await process.advance(step).catch(() => undefined);
    this.#steps.expire(step);
    if (process === this.#process) await process.upkeep();
  }

  async #own(job: Plan['jobs'][number], n: number): Promise<void> {
    const jobId = await this.#start(job, `${n}`);
    const following = this.#follow(`${n}`, jobId, job.drops);
    if (job.cancel) await this.#cancel(job.owner, jobId);
    await following;
    if (!job.retry) return;
    const again = await this.#start(job, `${n} again`, jobId);
    await this.#follow(`${n} again`, again, 0);
  }

  /** Over the server's deaths, with one idempotency key: an answer that was lost is asked for again. */
  async #start(job: Plan['jobs'][number], name: string, retryOfId?: string): Promise<string> {
    const owner = this.owners[job.owner];
    if (owner === undefined) throw new Error('no owner');
    const tag = `${owner.canary} ${name}`;
    this.#plans.set(tag, { ...job });
    const drawing = { kind: 'GENERATION', endpoint: 'fal-ai/flux-lora' } as const;
    const words = { prompt: tag, finalPrompt: tag, input: { prompt: tag }, units: 2 };
    const retry = retryOfId === undefined ? {} : { retryOfId };
    for (;;) {
      await this.#gate('start');
      const process = this.#process;
      const noSubject = async () => undefined;
      const starting = startJob({ ...process.runner, metering }, owner, {
        idempotency: { key: name, hash: 'f'.repeat(64) },
        lock: noSubject,
        find: noSubject,
        plan: async () => ({ ...drawing, ...words, ...retry, id: nextId(), avatarId: owner.avatarId }),
      });
      const job = await Promise.race([starting, process.died]);
      if (job === 'DIED') continue;
      this.started.push({ tag, owner: this.owners.indexOf(owner), jobId: job.id });
      return job.id;
    }
  }

  async #cancel(owner: 0 | 1, jobId: string): Promise<void> {
    for (;;) {
      await this.#gate('cancel asked');
      const process = this.#process;
      const app = process.runner;
      const viewer = { id: this.owners[owner]?.id ?? '' };
      const asked = cancelJob(app, viewer, { id: jobId, kind: 'GENERATION' }).catch((error: unknown) => {
        if (!(error instanceof JobFinishedError)) throw error;
      });
      if ((await Promise.race([asked, process.died])) !== 'DIED') return;
    }
  }

  /** To the terminal event, over the server's deaths and some drops of the client's own. */
  async #follow(tag: string, jobId: string, drops: number): Promise<void> {
    const seen: Followed = { tag, jobId, sequences: [], payloads: [] };
    this.followed.push(seen);
    for (let dropped = 0; ; ) {
      const process = this.#process;
      const stream = process.events.follow(jobId, seen.sequences.at(-1) ?? 0);
      for (let events = 0; ; events += 1) {
        const next = await Promise.race([stream.next(), process.died]);
        if (next === 'DIED') break;
        if (next.done) return;
        seen.sequences.push(next.value.sequence);
        seen.payloads.push(JSON.stringify(next.value));
        await this.#gate('client reads');
        if (dropped < drops && events === 1) {
          dropped += 1;
          await stream.return?.();
          break;
        }
      }
    }
  }

  /** As fal does it: again, when nobody answered. */
  async #deliver({ token, id }: SimulatedRequest): Promise<void> {
    if (token === undefined) return;
    for (;;) {
      await this.#gate('webhook');
      const process = this.#process;
      if ((await Promise.race([process.notice(token, id), process.died])) !== 'DIED') return;
    }
  }

  async #crash(): Promise<void> {
    await this.#gate('kill');
    this.#process.kill();
    const next = this.#newProcess();
    this.#process = next;
    // The next may die on its way up.
    await Promise.race([next.upkeep(), next.died]);
  }

  async #expire(): Promise<void> {
    await this.#gate('lease runs out');
    const [step] = this.#steps.leased();
    if (step !== undefined) this.#steps.expire(step);
  }

  async #state(): Promise<string> {
    const ownerId = { in: this.owners.map(({ id }) => id) };
    const jobs = await this.#prisma.job.findMany({ where: { ownerId }, select: { status: true, lastSequence: true } });
    return `${JSON.stringify(jobs)} ${this.trace.slice(-30).join(', ')}`;
  }
}
