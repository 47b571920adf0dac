/** Which generations a page of them shows. */
import { z } from 'zod';
import type { Prisma } from '../../prisma/generated/client/client.ts';

/** Ids are made in the order of time, so they are the order of the list and its cursors; newest first. */
export function cursorOf({ id }: { id: string }): string {
  return Buffer.from(id).toString('base64url');
}

/** Undefined for a text that cursorOf never gave. */
export function idOfCursor(cursor: string): string | undefined {
  return z.uuid().safeParse(Buffer.from(cursor, 'base64url').toString()).data;
}

/** Generations whose prompt holds the text, in any case. `%`, `_` and `\` in it stand for themselves. */
export function promptHolds(search: string | null | undefined): Prisma.JobWhereInput {
  if (!search) return {};
  // No stored prompt holds what PostgreSQL cannot store.
  if (/[\0\p{Cs}]/u.test(search)) return { id: { in: [] } };
  return { prompt: { contains: search.replace(/[\\%_]/g, String.raw`\$&`), mode: 'insensitive' } };
}
