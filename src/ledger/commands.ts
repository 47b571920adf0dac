/** What admins can do about credits. */

import { z } from 'zod';
import type { User } from '../../prisma/generated/client/client.ts';
import { lockOwner } from '../access/ownership.ts';
import type { App } from '../app/app.ts';
import { isStorable } from '../database/storable-text.ts';
import { idempotencyKey } from '../job/commands/idempotency.ts';
import { InvalidInputError, NotFoundError, parseInput } from '../refusal/refusal.ts';
import { issue } from './account.ts';
import { toCredits, toTenths } from './prices.ts';

/** As much as an INTEGER of tenths holds with room to spare. */
const mostCredits = 10_000_000;

const movement = z.object({
  credits: z
    .number()
    .min(-mostCredits, `Takes up to ${mostCredits} either way.`)
    .max(mostCredits, `Takes up to ${mostCredits} either way.`)
    .refine((credits) => credits !== 0, 'Takes any amount but 0.')
    .refine((credits) => Math.abs(toTenths(credits) - 10 * credits) < 1e-6, 'Takes tenths of a credit.'),
  reason: z
    .string()
    .trim()
    .min(1, 'Say why.')
    .max(500, 'Takes 1 to 500 characters.')
    .refine(isStorable, 'Holds a character that is no text.'),
  idempotencyKey: idempotencyKey.nullish(),
});

const grant = movement.refine(({ credits }) => credits > 0, { path: ['credits'], message: 'A grant is above 0.' });

/**
 * Gives credits, or puts something right in either direction. With an idempotency key that was used for this owner before,
 * nothing moves. Throws InvalidInputError, also for a correction below zero, and NotFoundError.
 */
export async function issueCredits(
  { prisma }: Pick<App, 'prisma'>,
  kind: 'GRANT' | 'CORRECTION',
  ownerId: string,
  input: unknown,
): Promise<User> {
  const { credits, reason, idempotencyKey: key = null } = parseInput(kind === 'GRANT' ? grant : movement, input);
  const tenths = toTenths(credits);
  return await prisma.$transaction(async (tx) => {
    await lockOwner(tx, ownerId);
    const owner = await tx.user.findUnique({ where: { id: ownerId } });
    if (owner === null) throw new NotFoundError('user');
    if (key !== null) {
      const done = await tx.ledgerEntry.findUnique({
        where: { ownerId_idempotencyKey: { ownerId, idempotencyKey: key } },
      });
      if (done !== null) {
        if (done.tenths === tenths && done.kind === kind && done.reason === reason) return owner;
        throw new InvalidInputError([
          { path: 'idempotencyKey', message: 'Was used for another movement of this owner’s.' },
        ]);
      }
    }
    const balance = owner.balanceTenths + tenths;
    if (balance < 0 || balance > 10 * mostCredits) {
      const message = `The balance is ${toCredits(owner.balanceTenths)}, and stays from 0 to ${mostCredits}.`;
      throw new InvalidInputError([{ path: 'credits', message }]);
    }
    await issue(tx, { ownerId, kind, tenths, reason, idempotencyKey: key });
    return await tx.user.findUniqueOrThrow({ where: { id: ownerId } });
  });
}
