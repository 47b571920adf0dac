/** The filters of the list of generations. */
import type { Prisma } from '../../prisma/generated/client/client.ts';
import { readAvatarKey } from '../avatar/key.ts';
import { isStorable } from '../database/storable-text.ts';

/** Generations of the avatar with this global id. None if the id is not an avatar’s; all if there is no id. */
export function ofAvatar(avatarId: string | null | undefined): Prisma.JobWhereInput {
  if (avatarId === null || avatarId === undefined) return {};
  const key = readAvatarKey(avatarId);
  return key === undefined ? { id: { in: [] } } : { avatarId: key.id, avatar: { kind: key.kind } };
}

/** Generations whose prompt contains the text, ignoring case. `%`, `_` and `\` are not wildcards. */
export function promptContains(search: string | null | undefined): Prisma.JobWhereInput {
  if (!search) return {};
  // PostgreSQL cannot store such text, so no prompt contains it.
  if (!isStorable(search)) return { id: { in: [] } };
  return { prompt: { contains: search.replace(/[\\%_]/g, String.raw`\$&`), mode: 'insensitive' } };
}
