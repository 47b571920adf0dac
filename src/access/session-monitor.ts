/**
 * Sessions that stay open, in sockets and streams: each is ended when its token expires, its key does, or its key is
 * revoked, by whichever process. The database is asked every second while any key is in use here: one statement, on the
 * ids of those keys. While it does not answer, sessions stay; they are asked about again.
 */
import type { Logger } from 'pino';
import type { Database } from '../database/client.ts';
import { within } from '../runtime/timers.ts';
import type { Session } from './session.ts';

const askEveryMs = 1_000;
/** A connection whose other end is gone without a word says nothing for as long as TCP takes to notice. */
const answerWithinMs = 5_000;
/** setTimeout's longest delay. */
const longestMs = 2 ** 31 - 1;

export class SessionMonitor {
  readonly #prisma: Database;
  readonly #now: () => Date;
  readonly #log: Logger;
  readonly #byKey = new Map<string, Set<() => void>>();
  #asking: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor({ prisma, now, log }: { prisma: Database; now: () => Date; log: Logger }) {
    this.#prisma = prisma;
    this.#now = now;
    this.#log = log;
  }

  /** Calls `end` once, when the session is over. Returns how to stop watching. */
  watch({ apiKeyId, expiresAt }: Session, end: () => void): () => void {
    let isOver = false;
    const stops: (() => void)[] = [];
    const stop = () => {
      isOver = true;
      for (const each of stops.splice(0)) each();
    };
    const over = () => {
      if (isOver) return;
      stop();
      end();
    };
    if (expiresAt !== undefined) stops.push(this.#at(expiresAt, over));
    if (apiKeyId !== undefined) stops.push(this.#ofKey(apiKeyId, over));
    return stop;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#asking);
  }

  #at(time: Date, over: () => void): () => void {
    let timer: NodeJS.Timeout;
    const arm = () => {
      const leftMs = time.getTime() - this.#now().getTime();
      timer = setTimeout(() => (leftMs > longestMs ? arm() : over()), Math.min(Math.max(leftMs, 0), longestMs)).unref();
    };
    arm();
    return () => clearTimeout(timer);
  }

  #ofKey(id: string, over: () => void): () => void {
    const ends = this.#byKey.get(id) ?? new Set();
    this.#byKey.set(id, ends.add(over));
    this.#askSoon();
    return () => {
      ends.delete(over);
      if (ends.size === 0 && this.#byKey.get(id) === ends) this.#byKey.delete(id);
    };
  }

  #askSoon(): void {
    if (this.#asking !== undefined || this.#isClosed) return;
    this.#asking = setTimeout(() => void this.#ask(), askEveryMs).unref();
  }

  async #ask(): Promise<void> {
    try {
      const where = { id: { in: [...this.#byKey.keys()] }, revokedAt: { not: null } };
      const revoked = await within(answerWithinMs, this.#prisma.apiKey.findMany({ where, select: { id: true } }));
      for (const { id } of revoked) for (const over of this.#byKey.get(id) ?? []) over();
    } catch (error) {
      if (!this.#isClosed) this.#log.warn({ err: error }, 'whether API keys were revoked could not be asked');
    }
    this.#asking = undefined;
    if (this.#byKey.size > 0) this.#askSoon();
  }
}
