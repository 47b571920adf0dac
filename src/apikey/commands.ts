/** The commands on API keys. The GraphQL fields let only admins use them; `npm run keys` runs them without a server. */
import type { ApiKey } from '../../prisma/generated/client/client.ts';
import { generateApiKey } from '../access/api-key.ts';
import type { App } from '../app/app.ts';
import { parseInput } from '../refusal/invalid-input.ts';
import { NotFoundError } from '../refusal/refusal.ts';
import { createApiKeyInput } from './rules.ts';

type KeyApp = Pick<App, 'prisma' | 'now'>;

/** Adds a key of an owner and returns its secret, which is not stored. Throws InvalidInputError, NotFoundError. */
export async function createApiKey(
  app: KeyApp,
  ownerId: string,
  input: unknown,
): Promise<{ apiKey: ApiKey; key: string }> {
  const parsed = parseInput(createApiKeyInput(app.now()), input);
  const owner = await app.prisma.user.findUnique({ where: { id: ownerId }, select: { id: true } });
  if (owner === null) throw new NotFoundError('user');
  const { key, ...stored } = generateApiKey();
  const apiKey = await app.prisma.apiKey.create({
    data: { ...parsed, ...stored, expiresAt: parsed.expiresAt ?? null, ownerId, createdAt: app.now() },
  });
  return { apiKey, key };
}

/**
 * Requests with the key are refused from now on; its open sockets and streams are closed within seconds. Running it twice
 * changes nothing. Throws NotFoundError.
 */
export async function revokeApiKey(app: KeyApp, id: string): Promise<ApiKey> {
  await app.prisma.apiKey.updateMany({ where: { id, revokedAt: null }, data: { revokedAt: app.now() } });
  const apiKey = await app.prisma.apiKey.findUnique({ where: { id } });
  if (apiKey === null) throw new NotFoundError('API key');
  return apiKey;
}
