/**
 * Endpoints that fal has stopped serving. fal's word at a submit is remembered for a while: until then a start is refused
 * before anything is written, then one at a time is let through to see, and when fal takes one all is forgotten. Jobs that
 * were started before are sent in any case.
 */
import { Prisma } from '../../../prisma/generated/client/client.ts';
import type { Tx } from '../../database/client.ts';
import { Refusal } from '../../refusal/refusal.ts';

/** How long fal's word is believed: long enough to spare jobs that would all fail, short enough to notice its return. */
const believedMs = 10 * 60_000;
/** Whoever is let through to see has this long before the next one is. */
const tryMs = 60_000;

/** fal does not serve the model that the job would run on. */
export class EndpointRetiredError extends Refusal {
  override name = 'EndpointRetiredError';
  readonly endpoint: string;
  readonly retryAfterSeconds: number;

  constructor(endpoint: string, retryAfterSeconds: number) {
    super(
      `fal no longer serves ${endpoint}: nothing was started. Whether it does again is looked at in ${retryAfterSeconds} seconds.`,
    );
    this.endpoint = endpoint;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** In the transaction that starts a job. Throws EndpointRetiredError. */
export async function assertServed(tx: Tx, endpoint: string, now: Date): Promise<void> {
  const known = await tx.retiredEndpoint.findUnique({ where: { endpoint } });
  if (known === null) return;
  // Of those who find the time come, the first moves it on, and the row's lock makes the others see that.
  const mayTry = await tx.$executeRaw(Prisma.sql`
    UPDATE "RetiredEndpoint" SET "askAgainAt" = ${new Date(now.getTime() + tryMs)}
    WHERE "endpoint" = ${endpoint} AND "askAgainAt" <= ${now}`);
  if (mayTry > 0) return;
  const { askAgainAt } = (await tx.retiredEndpoint.findUnique({ where: { endpoint } })) ?? known;
  throw new EndpointRetiredError(endpoint, Math.max(1, Math.ceil((askAgainAt.getTime() - now.getTime()) / 1000)));
}

/** fal has said so, in the transaction that ends the job it said it of. */
export async function rememberRetired(tx: Tx, endpoint: string, now: Date): Promise<void> {
  const askAgainAt = new Date(now.getTime() + believedMs);
  await tx.retiredEndpoint.upsert({
    where: { endpoint },
    create: { endpoint, since: now, askAgainAt },
    update: { askAgainAt },
  });
}

/** fal has taken a request there. */
export async function forgetRetired(tx: Tx, endpoint: string): Promise<void> {
  await tx.$executeRaw(Prisma.sql`DELETE FROM "RetiredEndpoint" WHERE "endpoint" = ${endpoint}`);
}
