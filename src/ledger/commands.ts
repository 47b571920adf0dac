/** The command that moves an admin's credits. The GraphQL fields let only admins use it. */
import { z } from 'zod';
import type { User } from '../../prisma/generated/client/client.ts';
import { lockOwner } from '../access/ownership.ts';
import type { App } from '../app/app.ts';
import { isStorable } from '../database/storable-text.ts';
import { idempotencyKey } from '../job/commands/idempotency.ts';
import { InvalidInputError, parseInput } from '../refusal/invalid-input.ts';
import { NotFoundError } from '../refusal/refusal.ts';
import { issue } from './account.ts';
import { toCredits, toTenths } from './prices.ts';

/** An INTEGER of tenths could hold twenty times as much. */
const maxCredits = 10_000_000;

const correctionInput = z.object({
  credits: z
    .number()
    .min(-maxCredits, `Takes -${maxCredits} to ${maxCredits}.`)
    .max(maxCredits, `Takes -${maxCredits} to ${maxCredits}.`)
    .refine((credits) => credits !== 0, 'Takes any amount but 0.')
    .refine((credits) => Math.abs(toTenths(credits) - 10 * credits) < 1e-6, 'Takes steps of 0.1 credits.'),
  reason: z
    .string()
    .trim()
    .min(1, 'Give a reason.')
    .max(500, 'Takes 1 to 500 characters.')
    .refine(isStorable, 'Takes no NUL and no lone surrogates.'),
  idempotencyKey: idempotencyKey.nullish(),
});

const grantInput = correctionInput.refine(({ credits }) => credits > 0, {
  path: ['credits'],
  message: 'A grant must be above 0. Use correctCredits to take credits back.',
});

/**
 * Grants credits to an owner, or corrects their balance in either direction. The same idempotency key and input again move
 * nothing. Throws NotFoundError, and InvalidInputError: also if the balance would leave its range, or if the key was used
 * for another movement.
 */
export async function issueCredits(
  app: Pick<App, 'prisma'>,
  ownerId: string,
  kind: 'GRANT' | 'CORRECTION',
  input: unknown,
): Promise<User> {
  const {
    credits,
    reason,
    idempotencyKey: key = null,
  } = parseInput(kind === 'GRANT' ? grantInput : correctionInput, input);
  const tenths = toTenths(credits);
  return await app.prisma.$transaction(async (tx) => {
    await lockOwner(tx, ownerId);
    const owner = await tx.user.findUnique({ where: { id: ownerId } });
    if (owner === null) throw new NotFoundError('user');
    if (key !== null) {
      const earlier = await tx.ledgerEntry.findUnique({
        where: { ownerId_idempotencyKey: { ownerId, idempotencyKey: key } },
      });
      if (earlier !== null) {
        if (earlier.tenths === tenths && earlier.kind === kind && earlier.reason === reason) return owner;
        throw new InvalidInputError([
          { path: 'idempotencyKey', message: 'Was used for another movement of this user. Choose a new key.' },
        ]);
      }
    }
    const balance = owner.balanceTenths + tenths;
    if (balance < 0 || balance > 10 * maxCredits) {
      const message = `The balance is ${toCredits(owner.balanceTenths)} and must stay from 0 to ${maxCredits}.`;
      throw new InvalidInputError([{ path: 'credits', message }]);
    }
    await issue(tx, { ownerId, kind, tenths, reason, idempotencyKey: key });
    return await tx.user.findUniqueOrThrow({ where: { id: ownerId } });
  });
}
