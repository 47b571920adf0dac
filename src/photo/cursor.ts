/** The order of an avatar's photos, by position, and its cursors. A removed photo leaves a gap, never a wrong page. */
import type { Prisma } from '../../prisma/generated/client/client.ts';

export const encodeCursor = ({ position }: { position: number }): string =>
  Buffer.from(`${position}`).toString('base64url');

/** Undefined for a text that encodeCursor never returned. */
export function decodeCursor(cursor: string): number | undefined {
  const text = Buffer.from(cursor, 'base64url').toString();
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** The photos after one position and before another; undefined leaves that side open. */
export function between(after: number | undefined, before: number | undefined): Prisma.PhotoWhereInput {
  return { position: { ...(after !== undefined && { gt: after }), ...(before !== undefined && { lt: before }) } };
}
