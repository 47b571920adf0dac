/** The logs of jobs: appending to them, and subscribing to them. It knows no feature. */
import type { Job, JobEvent } from '../../prisma/generated/client/client.ts';
import type { Database, Tx } from '../database/client.ts';
import { realTimers, type Timers } from '../runtime/timers.ts';
import { appendEventEach, appendEvents, type EventOfJob, readEvents } from './event-log.ts';
import { JobSubscription, type StartPosition } from './job-subscription.ts';
import { JobTail } from './job-tail.ts';
import type { Nudges } from './nudges.ts';
import { OwnerTail } from './owner-tail.ts';
import { isTerminal, type NewEvent } from './payload.ts';

/** A lost nudge delays an event by at most this much. */
const rereadMs = 2_000;

type LoggedJob = Pick<Job, 'id' | 'ownerId' | 'lastSequence'>;

export class Events {
  readonly #prisma: Database;
  readonly #nudges: Nudges;
  /** By job id. */
  readonly #jobTails = new Map<string, JobTail>();
  /** By owner id. */
  readonly #ownerTails = new Map<string, OwnerTail>();
  readonly #now: () => Date;
  readonly #stopRereading: () => void;
  readonly #onDelivery: (lagMs: number) => void;
  #jobSubscribers = 0;

  constructor(
    prisma: Database,
    nudges: Nudges,
    options: {
      now?: () => Date;
      timers?: Timers;
      /** Called for each event that a subscriber receives live, with the time since it was stored. Replayed events do not count. */
      onDelivery?: ((lagMs: number) => void) | undefined;
    } = {},
  ) {
    this.#prisma = prisma;
    this.#nudges = nudges;
    this.#now = options.now ?? (() => new Date());
    this.#onDelivery = options.onDelivery ?? (() => undefined);
    const { every } = options.timers ?? realTimers;
    this.#stopRereading = every(rereadMs, () => void this.reread().catch(() => undefined));
  }

  /**
   * Appends events to a job's log, in the transaction of the change that they report. Skips a LOGGED event that the log
   * already has. Returns the newest sequence number.
   */
  async append(tx: Tx, jobId: string, events: NewEvent[]): Promise<number> {
    return await appendEvents(tx, jobId, events);
  }

  /** Appends one event to each of several jobs' logs in one statement. Returns the jobs with their newest numbers. */
  async appendEach(tx: Tx, events: EventOfJob[]): Promise<LoggedJob[]> {
    return await appendEventEach(tx, events);
  }

  /**
   * Passes events that this process has committed to the subscriptions of this process, which then need not read them from
   * the database. Nudges all others.
   */
  publish(job: LoggedJob, appended: JobEvent[]): void {
    this.#jobTails.get(job.id)?.add(appended);
    this.nudge(job);
  }

  /** Asks subscriptions in all processes to read the job's log, after a commit. */
  nudge(job: LoggedJob): void {
    this.#nudges.send(`job:${job.id}`, String(job.lastSequence));
    this.#nudges.send(`owner:${job.ownerId}`, `${job.id} ${job.lastSequence}`);
  }

  /** Notifies the step that follows the job of a cancel request. If the nudge is lost, the next step reads it in the row. */
  requestCancel(jobId: string): void {
    this.#nudges.send(`cancel:${jobId}`);
  }

  /** Calls `onRequest` for each request to cancel the job, until the returned function is called. */
  onCancelRequest(jobId: string, onRequest: () => void): () => void {
    return this.#nudges.listen(`cancel:${jobId}`, onRequest);
  }

  /** Notifies the step that works on the job of a webhook. If the nudge is lost, the step reads fal's status a little later. */
  notifyWebhook(jobId: string): void {
    this.#nudges.send(`news:${jobId}`);
  }

  /** Calls `onWebhook` for each webhook of the job, until the returned function is called. */
  onWebhook(jobId: string, onWebhook: () => void): () => void {
    return this.#nudges.listen(`news:${jobId}`, onWebhook);
  }

  /** Sends the events of a job after a sequence number, then new ones as they happen. Ends after the terminal event. */
  follow(jobId: string, after: number): JobSubscription {
    return new JobSubscription(jobId, after, {
      findStart: async (number) => await this.#findStart(jobId, number),
      follow: (number) => (this.#jobTails.get(jobId) ?? this.#openJobTail(jobId, number)).follow(number),
      countSubscriber: (change) => void (this.#jobSubscribers += change),
      // The age of an event that existed before the subscription says nothing about our speed.
      onDelivery: (event, { head }) => event.sequence > head && this.#onDelivery(lagOf(event, this.#now())),
    });
  }

  /**
   * Sends the id of each of an owner's jobs when it changes. A job that changes several times before the subscriber reads
   * is sent once.
   */
  followOwner(ownerId: string): AsyncIterableIterator<string> {
    return (this.#ownerTails.get(ownerId) ?? this.#openOwnerTail(ownerId)).follow();
  }

  /** Finds the changes whose nudges were lost. Runs by itself every two seconds. */
  async reread(): Promise<void> {
    await this.#rereadJobs();
    await this.#rereadOwners();
  }

  /** How many jobs and owners are followed. It is 0 again when the last subscriber has left. */
  get openTails(): number {
    return this.#jobTails.size + this.#ownerTails.size;
  }

  /** Subscribers to one job, and to all jobs of an owner. Shared subscriptions are counted in server/fanout instead. */
  get subscribers(): { jobEvents: number; jobChanged: number } {
    let jobChanged = 0;
    for (const tail of this.#ownerTails.values()) jobChanged += tail.subscribers;
    return { jobEvents: this.#jobSubscribers, jobChanged };
  }

  close(): void {
    this.#stopRereading();
  }

  /** Undefined when the job was deleted, or has ended and `after` is not before its terminal event. */
  async #findStart(jobId: string, after: number): Promise<StartPosition | undefined> {
    const job = await this.#prisma.job.findUnique({
      where: { id: jobId },
      select: { status: true, lastSequence: true, traceparent: true },
    });
    if (job === null || (isTerminal(job.status) && after >= job.lastSequence)) return undefined;
    const { lastSequence: head, traceparent } = job;
    return { after: Math.min(after, head), head, traceparent };
  }

  async #rereadJobs(): Promise<void> {
    const tails = [...this.#jobTails];
    if (tails.length === 0) return;
    const jobs = await this.#prisma.job.findMany({
      where: { id: { in: tails.map(([id]) => id) } },
      select: { id: true, lastSequence: true },
    });
    const heads = new Map(jobs.map(({ id, lastSequence }) => [id, lastSequence]));
    for (const [id, tail] of tails) {
      const head = heads.get(id);
      if (head === undefined) tail.end();
      else if (tail.isBehind(head)) tail.nudge(head);
    }
  }

  async #rereadOwners(): Promise<void> {
    if (this.#ownerTails.size === 0) return;
    const jobs = await this.#prisma.job.findMany({
      where: {
        ownerId: { in: [...this.#ownerTails.keys()] },
        OR: [{ finishedAt: null }, { finishedAt: { gt: new Date(this.#now().getTime() - 10 * rereadMs) } }],
      },
      select: { id: true, ownerId: true, lastSequence: true },
    });
    for (const [ownerId, tail] of this.#ownerTails) tail.compare(jobs.filter((job) => job.ownerId === ownerId));
  }

  #openJobTail(jobId: string, after: number): JobTail {
    const tail = new JobTail(
      after,
      (from, limit) => readEvents(this.#prisma, jobId, from, limit),
      () => {
        this.#jobTails.delete(jobId);
        stop();
      },
    );
    const stop = this.#nudges.listen(`job:${jobId}`, (lastSequence) =>
      // A process of the version before sends no number.
      tail.nudge(lastSequence === '' ? undefined : Number(lastSequence)),
    );
    this.#jobTails.set(jobId, tail);
    return tail;
  }

  #openOwnerTail(ownerId: string): OwnerTail {
    const tail = new OwnerTail(() => {
      this.#ownerTails.delete(ownerId);
      stop();
    });
    const stop = this.#nudges.listen(`owner:${ownerId}`, (detail) => {
      const [jobId = '', lastSequence] = detail.split(' ');
      tail.changed(jobId, Number(lastSequence));
    });
    this.#ownerTails.set(ownerId, tail);
    return tail;
  }
}

/** Never negative, although the database's clock and this machine's may differ. */
const lagOf = ({ occurredAt }: JobEvent, now: Date) => Math.max(0, now.getTime() - occurredAt.getTime());
