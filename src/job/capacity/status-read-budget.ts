/**
 * The budget of status reads at fal, for all processes together. A process takes a batch of reads from the budget's row and
 * spends them one by one, so that not every read costs a write. When a window's reads are spent, the steps that follow fal
 * wait for the next window: updates come later, but no job stops.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Prisma } from '../../../prisma/generated/client/client.ts';
import type { Database } from '../../database/client.ts';

const windowMs = 10_000;
/** A batch is this fraction of a window's reads, and the most that a process can take without spending it. */
const batchesPerWindow = 20;

export class StatusReadBudget {
  readonly #prisma: Database;
  readonly #perWindow: number;
  readonly #now: () => Date;
  readonly #sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  #left = 0;
  /** When the window of `#left` ends. */
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

  /** Resolves when one read is allowed. Throws the signal's reason, and the database's errors. */
  async take(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#left > 0 && this.#now().getTime() < this.#until) {
        this.#left -= 1;
        return;
      }
      const waitMs = await (this.#taking ??= this.#takeBatch().finally(() => {
        this.#taking = undefined;
      }));
      if (waitMs > 0) await this.#sleep(waitMs, signal);
    }
  }

  /** Returns 0 when it got reads, else the milliseconds until the next window. */
  async #takeBatch(): Promise<number> {
    const now = this.#now();
    const batch = Math.ceil(this.#perWindow / batchesPerWindow);
    const oldest = new Date(now.getTime() - windowMs);
    const isPast = Prisma.sql`("readsSince" IS NULL OR "readsSince" <= ${oldest} OR "readsSince" > ${now})`;
    const [window] = await this.#prisma.$queryRaw<{ since: Date; granted: number }[]>(Prisma.sql`
      WITH before AS (
        SELECT CASE WHEN ${isPast} THEN ${now} ELSE "readsSince" END AS since, CASE WHEN ${isPast} THEN 0 ELSE "reads" END AS spent
        FROM "FalBudget" WHERE "id" = 1 FOR UPDATE
      )
      UPDATE "FalBudget" SET "readsSince" = before.since, "reads" = least(before.spent + ${batch}::int, ${this.#perWindow}::int)
      FROM before WHERE "id" = 1
      RETURNING before.since, "reads" - before.spent AS granted`);
    if (window === undefined) throw new Error('The table FalBudget has no row with id 1.');
    this.#left = window.granted;
    this.#until = window.since.getTime() + windowMs;
    return window.granted > 0 ? 0 : Math.max(this.#until - now.getTime(), 1);
  }
}
