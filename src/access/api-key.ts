/** API keys: `lk_` and 256 random bits. The database has only the hash of a key. */
import { createHash, randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { ApiKey } from '../../prisma/generated/client/client.ts';
import type { Database } from '../database/client.ts';
import { invalidCredentials } from './access-denied.ts';

const prefix = 'lk_';

export const isApiKey = (bearer: string): boolean => bearer.startsWith(prefix);

/** Generates a key: `key` is shown once, and `hash` and `hint` are stored. */
export function generateApiKey(): { key: string; hash: string; hint: string } {
  const key = `${prefix}${randomBytes(32).toString('base64url')}`;
  return { key, hash: hashOf(key), hint: key.slice(-4) };
}

/** The time of a look-up by hash reveals nothing about a key, because a caller cannot choose the hash. */
const hashOf = (key: string) => createHash('sha256').update(key).digest('hex');

const lastUsedEveryMs = 60_000;

/** Finds the key and records its use, at most once a minute. Throws AccessDenied when it is unknown, revoked or expired. */
export async function findApiKey(
  { prisma, now, log }: { prisma: Database; now: () => Date; log: Logger },
  key: string,
): Promise<ApiKey> {
  const at = now();
  const found = await prisma.apiKey.findUnique({ where: { hash: hashOf(key) } });
  if (found === null) throw invalidCredentials('There is no such API key.');
  if (found.revokedAt !== null) throw invalidCredentials('This API key was revoked.');
  if (found.expiresAt !== null && found.expiresAt <= at) throw invalidCredentials('This API key has expired.');
  const usedBefore = new Date(at.getTime() - lastUsedEveryMs);
  if (found.lastUsedAt === null || found.lastUsedAt < usedBefore) {
    // Of many concurrent requests, one writes. The request succeeds even when this write fails.
    await prisma.apiKey
      .updateMany({
        where: { id: found.id, OR: [{ lastUsedAt: null }, { lastUsedAt: { lt: usedBefore } }] },
        data: { lastUsedAt: at },
      })
      .catch((error: unknown) => log.warn({ err: error }, 'the use of an API key could not be recorded'));
  }
  return found;
}
