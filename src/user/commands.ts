/** The commands on users. The GraphQL fields let only admins use them. */
import { z } from 'zod';
import type { User } from '../../prisma/generated/client/client.ts';
import { endUserRealm, findOrCreateUser, isExternalId, type Viewer } from '../access/session.ts';
import type { App } from '../app/app.ts';
import { toTenths } from '../ledger/prices.ts';
import { parseInput } from '../refusal/invalid-input.ts';
import { NotFoundError } from '../refusal/refusal.ts';

const createUserInput = z.object({
  externalId: z.string().refine(isExternalId, 'Takes 1 to 255 visible ASCII characters.'),
});

/**
 * Adds an end user of the viewer, as the first request with `X-Likeness-User` would. Running it twice returns the same
 * user. Throws InvalidInputError.
 */
export async function createUser(app: Pick<App, 'prisma'>, viewer: Viewer, input: unknown): Promise<User> {
  const parsed = parseInput(createUserInput, input);
  const { id } = await findOrCreateUser(app, endUserRealm(viewer), parsed.externalId);
  return await app.prisma.user.findUniqueOrThrow({ where: { id } });
}

const limitsInput = z.object({
  weight: z.int('Takes a whole number.').min(1, 'Takes 1 to 1000.').max(1000, 'Takes 1 to 1000.').optional(),
  dailyBudget: z
    .number()
    .min(0, 'Takes 0 to 10000000.')
    .max(10_000_000, 'Takes 0 to 10000000.')
    .refine(
      (credits) => Number.isInteger(toTenths(credits)) && Math.abs(toTenths(credits) - 10 * credits) < 1e-6,
      'Takes steps of 0.1 credits.',
    )
    .nullish(),
});

/** An undefined limit does not change; a null budget means the server's default. Throws InvalidInputError, NotFoundError. */
export async function setUserLimits(app: Pick<App, 'prisma'>, userId: string, input: unknown): Promise<User> {
  const { weight, dailyBudget } = parseInput(limitsInput, input);
  const data = {
    ...(weight !== undefined && { weight }),
    ...(dailyBudget !== undefined && { dailyBudgetTenths: dailyBudget === null ? null : toTenths(dailyBudget) }),
  };
  const [user] = await app.prisma.user.updateManyAndReturn({ where: { id: userId }, data });
  if (user === undefined) throw new NotFoundError('user');
  return user;
}
