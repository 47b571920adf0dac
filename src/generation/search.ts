/** Which generations a search finds. */
import type { Prisma } from '../../prisma/generated/client/client.ts';

/** Generations whose prompt holds the text, in any case. `%`, `_` and `\` in it stand for themselves. */
export function promptHolds(search: string | null | undefined): Prisma.JobWhereInput {
  if (!search) return {};
  // No stored prompt holds what PostgreSQL cannot store.
  if (/[\0\p{Cs}]/u.test(search)) return { id: { in: [] } };
  return { prompt: { contains: search.replace(/[\\%_]/g, String.raw`\$&`), mode: 'insensitive' } };
}
