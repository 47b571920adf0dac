/** What admins can do with API keys. */
import type { ApiKey } from '../../prisma/generated/client/client.ts';
import { generateApiKey } from '../access/api-key.ts';
import type { App } from '../app/app.ts';
import { NotFoundError } from '../refusal/refusal.ts';
import { parseNewApiKey } from './rules.ts';

/** A new key for an owner. The key itself is in the answer, and nowhere else from then on. Throws InvalidInputError, NotFoundError. */
export async function createApiKey(
  { prisma, now }: Pick<App, 'prisma' | 'now'>,
  ownerId: string,
  input: unknown,
): Promise<{ apiKey: ApiKey; key: string }> {
  const parsed = parseNewApiKey(input, now());
  const owner = await prisma.user.findUnique({ where: { id: ownerId }, select: { id: true } });
  if (owner === null) throw new NotFoundError('user');
  const { key, ...kept } = generateApiKey();
  const apiKey = await prisma.apiKey.create({
    data: { ...parsed, ...kept, expiresAt: parsed.expiresAt ?? null, ownerId, createdAt: now() },
  });
  return { apiKey, key };
}

/** From now on the key is refused, and what it holds open is closed within seconds. Twice is once. Throws NotFoundError. */
export async function revokeApiKey({ prisma, now }: Pick<App, 'prisma' | 'now'>, id: string): Promise<ApiKey> {
  await prisma.apiKey.updateMany({ where: { id, revokedAt: null }, data: { revokedAt: now() } });
  const apiKey = await prisma.apiKey.findUnique({ where: { id } });
  if (apiKey === null) throw new NotFoundError('API key');
  return apiKey;
}
