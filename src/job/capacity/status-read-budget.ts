/**
 * The reads of fal's status, over all processes. A process takes a handful of them from the budget's row at a time and
 * spends them one by one, so that a read costs no write. When they are spent, whoever follows a job waits for the next
 * window: following gets slower, and stops for no one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Prisma } from '../../../prisma/generated/client/client.ts';
import type { Database } from '../../database/client.ts';

const windowMs = 10_000;
/** A handful is this part of a window's reads: so much at most is taken and not spent. */
const handfulsPerWindow = 20;

export class StatusReadBudget {
  readonly #prisma: Database;
  readonly #perWindow: number;
  readonly #now: () => Date;
  readonly #sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  #left = 0;
  #until = 0;
  #taking: Promise<number> | undefined;

  constructor(options: {
    prisma: Database;
    perMinute: number;
    now: () => Date;
    /** For tests. */
    sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
  }) {
    this.#prisma = options.prisma;
    this.#perWindow = Math.max(1, Math.floor((options.perMinute * windowMs) / 60_000));
    this.#now = options.now;
    this.#sleep = options.sleep ?? ((ms, signal) => sleep(ms, undefined, { signal }));
  }

  /** Resolves when one read may be made. Throws the signal's reason, and what the database says. */
  async take(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#left > 0 && this.#now().getTime() < this.#until) {
        this.#left -= 1;
        return;
      }
      const waitMs = await (this.#taking ??= this.#takeHandful().finally(() => {
        this.#taking = undefined;
      }));
      if (waitMs > 0) await this.#sleep(waitMs, signal);
    }
  }

  /** Returns how long until there is more, 0 when there is. */
  async #takeHandful(): Promise<number> {
    const now = this.#now();
    const handful = Math.ceil(this.#perWindow / handfulsPerWindow);
    const oldest = new Date(now.getTime() - windowMs);
    const isPast = Prisma.sql`("readsSince" IS NULL OR "readsSince" <= ${oldest} OR "readsSince" > ${now})`;
    const [window] = await this.#prisma.$queryRaw<{ since: Date; granted: number }[]>(Prisma.sql`
      WITH before AS (
        SELECT CASE WHEN ${isPast} THEN ${now} ELSE "readsSince" END AS since, CASE WHEN ${isPast} THEN 0 ELSE "reads" END AS spent
        FROM "FalBudget" WHERE "id" = 1 FOR UPDATE
      )
      UPDATE "FalBudget" SET "readsSince" = before.since, "reads" = least(before.spent + ${handful}::int, ${this.#perWindow}::int)
      FROM before WHERE "id" = 1
      RETURNING before.since, "reads" - before.spent AS granted`);
    if (window === undefined) throw new Error('The budget of fal has no row.');
    this.#left = window.granted;
    this.#until = window.since.getTime() + windowMs;
    return window.granted > 0 ? 0 : Math.max(this.#until - now.getTime(), 1);
  }
}
