/**
 * Endpoints that fal no longer serves. When fal rejects a submit with 404 or 410, the endpoint is remembered as retired for
 * ten minutes, and new jobs on it are refused before anything is written. After that, one start a minute is let through as
 * a probe; the first submit that fal accepts clears the entry. Jobs that were started before are submitted in any case.
 */
import { Prisma } from '../../../prisma/generated/client/client.ts';
import type { Tx } from '../../database/client.ts';
import { Refusal } from '../../refusal/refusal.ts';

/** Long enough to refuse most jobs that would fail, short enough to detect soon that fal serves the endpoint again. */
const retiredMs = 10 * 60_000;
/** The time between two probes. */
const probeEveryMs = 60_000;

/** fal no longer serves the model that the job would run on. */
export class EndpointRetiredError extends Refusal {
  override name = 'EndpointRetiredError';
  readonly endpoint: string;
  readonly retryAfterSeconds: number;

  constructor(endpoint: string, retryAfterSeconds: number) {
    super(
      `fal no longer serves ${endpoint}: nothing was started. Try again in ${retryAfterSeconds} seconds, when this server asks fal again.`,
    );
    this.endpoint = endpoint;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Throws EndpointRetiredError when the endpoint is retired and no probe is due. Writes nothing. */
export async function assertServed(db: Tx, endpoint: string, now: Date): Promise<void> {
  const retired = await db.retiredEndpoint.findUnique({ where: { endpoint } });
  if (retired !== null && retired.askAgainAt > now) throw retiredUntil(endpoint, retired.askAgainAt, now);
}

/** The same check in the transaction that starts a job. When a probe is due, this job becomes the probe. Throws EndpointRetiredError. */
export async function assertServedOrProbe(tx: Tx, endpoint: string, now: Date): Promise<void> {
  const retired = await tx.retiredEndpoint.findUnique({ where: { endpoint } });
  if (retired === null) return;
  // Of several concurrent starts the first moves askAgainAt; the others wait for its row lock and then see the new time.
  const isProbe = await tx.$executeRaw(Prisma.sql`
    UPDATE "RetiredEndpoint" SET "askAgainAt" = ${new Date(now.getTime() + probeEveryMs)}
    WHERE "endpoint" = ${endpoint} AND "askAgainAt" <= ${now}`);
  if (isProbe > 0) return;
  const { askAgainAt } = (await tx.retiredEndpoint.findUnique({ where: { endpoint } })) ?? retired;
  throw retiredUntil(endpoint, askAgainAt, now);
}

const retiredUntil = (endpoint: string, askAgainAt: Date, now: Date) =>
  new EndpointRetiredError(endpoint, Math.max(1, Math.ceil((askAgainAt.getTime() - now.getTime()) / 1000)));

/** Records that fal no longer serves the endpoint. Runs in the transaction that ends the job of the rejected submit. */
export async function rememberRetired(tx: Tx, endpoint: string, now: Date): Promise<void> {
  const askAgainAt = new Date(now.getTime() + retiredMs);
  await tx.retiredEndpoint.upsert({
    where: { endpoint },
    create: { endpoint, since: now, askAgainAt },
    update: { askAgainAt },
  });
}

/** Clears the entry, because fal has accepted a request on the endpoint. */
export async function forgetRetired(tx: Tx, endpoint: string): Promise<void> {
  await tx.$executeRaw(Prisma.sql`DELETE FROM "RetiredEndpoint" WHERE "endpoint" = ${endpoint}`);
}
