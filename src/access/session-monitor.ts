/**
 * Ends the open sessions of sockets and streams when their token or API key expires, or when any process revokes the key.
 * While sessions with keys are open here, one statement a second reads which keys are revoked. If the database does not
 * answer, the sessions stay open and the monitor tries again a second later.
 */
import type { Logger } from 'pino';
import type { Database } from '../database/client.ts';
import { within } from '../runtime/timers.ts';
import type { Session } from './session.ts';

const checkEveryMs = 1_000;
/** TCP may take minutes to notice that the database's machine is gone. */
const checkTimeoutMs = 5_000;
/** setTimeout's longest delay. */
const longestMs = 2 ** 31 - 1;

export class SessionMonitor {
  readonly #prisma: Database;
  readonly #now: () => Date;
  readonly #log: Logger;
  readonly #byKey = new Map<string, Set<() => void>>();
  #checking: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor({ prisma, now, log }: { prisma: Database; now: () => Date; log: Logger }) {
    this.#prisma = prisma;
    this.#now = now;
    this.#log = log;
  }

  /** Calls `end` once, when the session expires or its key is revoked. The returned function removes the listener. */
  onEnd({ apiKeyId, expiresAt }: Session, end: () => void): () => void {
    let hasEnded = false;
    const cancels: (() => void)[] = [];
    const cancel = () => {
      hasEnded = true;
      for (const each of cancels.splice(0)) each();
    };
    const expire = () => {
      if (hasEnded) return;
      cancel();
      end();
    };
    if (expiresAt !== undefined) cancels.push(this.#atTime(expiresAt, expire));
    if (apiKeyId !== undefined) cancels.push(this.#onRevocation(apiKeyId, expire));
    return cancel;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#checking);
  }

  #atTime(time: Date, expire: () => void): () => void {
    let timer: NodeJS.Timeout;
    const arm = () => {
      const leftMs = time.getTime() - this.#now().getTime();
      timer = setTimeout(
        () => (leftMs > longestMs ? arm() : expire()),
        Math.min(Math.max(leftMs, 0), longestMs),
      ).unref();
    };
    arm();
    return () => clearTimeout(timer);
  }

  #onRevocation(keyId: string, expire: () => void): () => void {
    const ends = this.#byKey.get(keyId) ?? new Set();
    this.#byKey.set(keyId, ends.add(expire));
    this.#scheduleCheck();
    return () => {
      ends.delete(expire);
      if (ends.size === 0 && this.#byKey.get(keyId) === ends) this.#byKey.delete(keyId);
    };
  }

  #scheduleCheck(): void {
    if (this.#checking !== undefined || this.#isClosed) return;
    this.#checking = setTimeout(() => void this.#check(), checkEveryMs).unref();
  }

  async #check(): Promise<void> {
    try {
      const where = { id: { in: [...this.#byKey.keys()] }, revokedAt: { not: null } };
      const revoked = await within(checkTimeoutMs, this.#prisma.apiKey.findMany({ where, select: { id: true } }));
      for (const { id } of revoked) for (const expire of this.#byKey.get(id) ?? []) expire();
    } catch (error) {
      if (!this.#isClosed) this.#log.warn({ err: error }, 'could not read which API keys are revoked; trying again');
    }
    this.#checking = undefined;
    if (this.#byKey.size > 0) this.#scheduleCheck();
  }
}
