/** What admins can do about users. */
import { z } from 'zod';
import type { User } from '../../prisma/generated/client/client.ts';
import { endUserRealm, findOrCreateUser, isExternalId } from '../access/session.ts';
import type { App, Viewer } from '../app/app.ts';
import { toTenths } from '../ledger/prices.ts';
import { NotFoundError, parseInput } from '../refusal/refusal.ts';

const externalId = z.object({
  externalId: z.string().refine(isExternalId, 'Takes 1 to 255 visible ASCII characters.'),
});

/** The user of an id of the admin's own, as `X-Likeness-User` would make them; who is there already stays. Throws InvalidInputError. */
export async function createUser(app: Pick<App, 'prisma'>, viewer: Viewer, input: unknown): Promise<User> {
  const parsed = parseInput(externalId, input);
  const { id } = await findOrCreateUser(app, endUserRealm(viewer), parsed.externalId);
  return await app.prisma.user.findUniqueOrThrow({ where: { id } });
}

const limits = z.object({
  weight: z.int('Takes a whole number.').min(1, 'Takes 1 to 1000.').max(1000, 'Takes 1 to 1000.').optional(),
  dailyBudget: z
    .number()
    .min(0, 'Takes 0 to 10000000.')
    .max(10_000_000, 'Takes 0 to 10000000.')
    .refine(
      (credits) => Number.isInteger(toTenths(credits)) && Math.abs(toTenths(credits) - 10 * credits) < 1e-6,
      'Takes tenths of a credit.',
    )
    .nullish(),
});

/** What is not given stays as it is; a budget of null is the server's default. Throws InvalidInputError, NotFoundError. */
export async function setUserLimits({ prisma }: Pick<App, 'prisma'>, id: string, input: unknown): Promise<User> {
  const { weight, dailyBudget } = parseInput(limits, input);
  const data = {
    ...(weight !== undefined && { weight }),
    ...(dailyBudget !== undefined && { dailyBudgetTenths: dailyBudget === null ? null : toTenths(dailyBudget) }),
  };
  const [user] = await prisma.user.updateManyAndReturn({ where: { id }, data });
  if (user === undefined) throw new NotFoundError('user');
  return user;
}
