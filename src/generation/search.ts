/** Which generations a search finds. */
import type { Prisma } from '../../prisma/generated/client/client.ts';
import { readAvatarKey } from '../avatar/key.ts';
import { isStorable } from '../database/storable-text.ts';

/** Generations of an avatar, by its global id; none when that names no avatar, all when there is none to be of. */
export function isOf(avatarId: string | null | undefined): Prisma.JobWhereInput {
  if (avatarId === null || avatarId === undefined) return {};
  const key = readAvatarKey(avatarId);
  return key === undefined ? { id: { in: [] } } : { avatarId: key.id, avatar: { kind: key.kind } };
}

/** Generations whose prompt holds the text, in any case. `%`, `_` and `\` in it stand for themselves. */
export function promptHolds(search: string | null | undefined): Prisma.JobWhereInput {
  if (!search) return {};
  // No stored prompt holds what PostgreSQL cannot store.
  if (!isStorable(search)) return { id: { in: [] } };
  return { prompt: { contains: search.replace(/[\\%_]/g, String.raw`\$&`), mode: 'insensitive' } };
}
