/** The order of a list of jobs, newest first, and its cursors. Job ids are UUIDv7, so they sort by time. */
import { z } from 'zod';
import type { Prisma } from '../../prisma/generated/client/client.ts';

export const encodeCursor = ({ id }: { id: string }): string => Buffer.from(id).toString('base64url');

/** Undefined if it is not a cursor of encodeCursor. */
export function decodeCursor(cursor: string): string | undefined {
  return z.uuid().safeParse(Buffer.from(cursor, 'base64url').toString()).data;
}

/** The jobs after one id and before another; undefined leaves that side open. Later in the list means older. */
export function between(after: string | undefined, before: string | undefined): Prisma.JobWhereInput {
  return { id: { ...(after !== undefined && { lt: after }), ...(before !== undefined && { gt: before }) } };
}
