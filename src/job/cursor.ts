/** Where a page of jobs starts. Their ids are made in the order of time, so they are the list's order and its places. */
import { z } from 'zod';
import type { Prisma } from '../../prisma/generated/client/client.ts';

export const cursorOf = ({ id }: { id: string }): string => Buffer.from(id).toString('base64url');

/** Undefined for a text that cursorOf never gave. */
export function placeOf(cursor: string): string | undefined {
  return z.uuid().safeParse(Buffer.from(cursor, 'base64url').toString()).data;
}

/** Newest first: what comes after a job in the list is older. */
export function between(after: string | undefined, before: string | undefined): Prisma.JobWhereInput {
  return { id: { ...(after !== undefined && { lt: after }), ...(before !== undefined && { gt: before }) } };
}
