/** The log of what happens to jobs, and how to follow it. It knows no feature. */
import type { Job, JobEvent } from '../../prisma/generated/client/client.ts';
import type { Database, Tx } from '../database/client.ts';
import { realTimers, type Timers } from '../runtime/timers.ts';
import { appendEventEach, appendEvents, type EventOfJob, readEvents } from './event-log.ts';
import { JobSubscription, type Place } from './job-subscription.ts';
import { JobTail } from './job-tail.ts';
import type { Nudges } from './nudges.ts';
import { OwnerTail } from './owner-tail.ts';
import { isTerminal, type NewEvent } from './payload.ts';

/** A lost nudge delays what it told by this much at most. */
const rereadMs = 2_000;

export class Events {
  readonly #prisma: Database;
  readonly #nudges: Nudges;
  readonly #feeds = new Map<string, JobTail>();
  readonly #owners = new Map<string, OwnerTail>();
  readonly #now: () => Date;
  readonly #stopRereading: () => void;
  readonly #onDelivery: (lagMs: number) => void;
  #jobFollowers = 0;

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
   * Adds events to a job's log, in the transaction of the change that they tell. A LOGGED event that the log already has
   * is left out. Returns the newest sequence number.
   */
  async append(tx: Tx, jobId: string, events: NewEvent[]): Promise<number> {
    return await appendEvents(tx, jobId, events);
  }

  /** Adds one event to each of many jobs' logs, in a statement in all. Returns the jobs, each with its newest number. */
  async appendEach(tx: Tx, events: EventOfJob[]): Promise<Pick<Job, 'id' | 'ownerId' | 'lastSequence'>[]> {
    return await appendEventEach(tx, events);
  }

  /**
   * Hands what this process added to a job's log to those who follow it here, after the commit: nobody reads it back. Tells
   * everybody else to look.
   */
  publish(job: Pick<Job, 'id' | 'ownerId' | 'lastSequence'>, added: JobEvent[]): void {
    this.#feeds.get(job.id)?.add(added);
    this.nudge(job);
  }

  /** Tells followers to look, after the commit. A lost nudge costs a few seconds, never an event. */
  nudge(job: Pick<Job, 'id' | 'ownerId' | 'lastSequence'>): void {
    this.#nudges.send(`job:${job.id}`, String(job.lastSequence));
    this.#nudges.send(`owner:${job.ownerId}`, `${job.id} ${job.lastSequence}`);
  }

  /** Tells the step that follows the job that its owner asked to cancel it. Lost, the next step finds it on the row. */
  requestCancel(jobId: string): void {
    this.#nudges.send(`cancel:${jobId}`);
  }

  /** Listens for requests to cancel the job, until the returned function is called. */
  onCancelRequest(jobId: string, onRequest: () => void): () => void {
    return this.#nudges.listen(`cancel:${jobId}`, onRequest);
  }

  /** Tells the step that follows the job that fal has news of it. Lost, the step finds out a little later. */
  notifyWebhook(jobId: string): void {
    this.#nudges.send(`news:${jobId}`);
  }

  /** Listens for news of the job at fal, until the returned function is called. */
  onWebhook(jobId: string, onWebhook: () => void): () => void {
    return this.#nudges.listen(`news:${jobId}`, onWebhook);
  }

  /** Replays a job's log after a sequence number, then goes on live; ends after the terminal event. */
  follow(jobId: string, after: number): JobSubscription {
    return new JobSubscription(jobId, after, {
      placeOf: async (number) => await this.#placeOf(jobId, number),
      open: (place) => (this.#feeds.get(jobId) ?? this.#open(jobId, place)).follow(place),
      count: (more) => void (this.#jobFollowers += more),
      // Events up to the head are a replay: their age says nothing about the delivery.
      delivered: (event, { head }) => event.sequence > head && this.#onDelivery(lagOf(event, this.#now())),
    });
  }

  /**
   * The id of each of an owner's jobs whenever it changed; one entry for a job however often it changed since it was
   * last read.
   */
  followOwner(ownerId: string): AsyncIterableIterator<string> {
    let feed = this.#owners.get(ownerId);
    if (feed === undefined) {
      const stop = this.#nudges.listen(`owner:${ownerId}`, (detail) => {
        const [jobId = '', lastSequence] = detail.split(' ');
        feed?.changed(jobId, Number(lastSequence));
      });
      feed = new OwnerTail(() => {
        this.#owners.delete(ownerId);
        stop();
      });
      this.#owners.set(ownerId, feed);
    }
    return feed.follow();
  }

  /** Looks for what no nudge told of. Runs by itself every two seconds. */
  async reread(): Promise<void> {
    const asked = [...this.#feeds];
    if (asked.length > 0) {
      const jobs = await this.#prisma.job.findMany({
        where: { id: { in: asked.map(([id]) => id) } },
        select: { id: true, lastSequence: true },
      });
      const heads = new Map(jobs.map(({ id, lastSequence }) => [id, lastSequence]));
      for (const [id, feed] of asked) {
        const head = heads.get(id);
        if (head === undefined) feed.end();
        else if (feed.isBehind(head)) feed.nudge(head);
      }
    }
    if (this.#owners.size > 0) {
      const jobs = await this.#prisma.job.findMany({
        where: {
          ownerId: { in: [...this.#owners.keys()] },
          OR: [{ finishedAt: null }, { finishedAt: { gt: new Date(this.#now().getTime() - 10 * rereadMs) } }],
        },
        select: { id: true, ownerId: true, lastSequence: true },
      });
      for (const [ownerId, feed] of this.#owners) feed.compare(jobs.filter((job) => job.ownerId === ownerId));
    }
  }

  /** How many streams are open: what a leaving client must bring down again. */
  get openFeeds(): number {
    return this.#feeds.size + this.#owners.size;
  }

  /** How many follow by themselves: one job each, and all jobs of an owner each. */
  get followers(): { jobEvents: number; jobChanged: number } {
    const ofOwners = [...this.#owners.values()].map(({ followers }) => followers);
    return { jobEvents: this.#jobFollowers, jobChanged: ofOwners.reduce((sum, count) => sum + count, 0) };
  }

  close(): void {
    this.#stopRereading();
  }

  /** Undefined when there is nothing to follow: the job has ended, and `after` is at or behind its end. */
  async #placeOf(jobId: string, after: number): Promise<Place | undefined> {
    const job = await this.#prisma.job.findUnique({
      where: { id: jobId },
      select: { status: true, lastSequence: true, traceparent: true },
    });
    if (job === null || (isTerminal(job.status) && after >= job.lastSequence)) return undefined;
    const { lastSequence: head, traceparent } = job;
    return { after: Math.min(after, head), head, traceparent };
  }

  #open(jobId: string, after: number): JobTail {
    const feed = new JobTail(
      after,
      (from, limit) => readEvents(this.#prisma, jobId, from, limit),
      () => {
        this.#feeds.delete(jobId);
        stop();
      },
    );
    const stop = this.#nudges.listen(`job:${jobId}`, (lastSequence) =>
      // One of a process of the version before names no number.
      feed.nudge(lastSequence === '' ? undefined : Number(lastSequence)),
    );
    this.#feeds.set(jobId, feed);
    return feed;
  }
}

/** By the database's clock and this machine's: none, rather than less than none, when they differ. */
const lagOf = ({ occurredAt }: JobEvent, now: Date) => Math.max(0, now.getTime() - occurredAt.getTime());
