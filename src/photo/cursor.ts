/** Where a page of photos starts: at a position in the avatar's order, which a removed photo leaves empty. */
import type { Prisma } from '../../prisma/generated/client/client.ts';

export const cursorOf = ({ position }: { position: number }): string =>
  Buffer.from(`${position}`).toString('base64url');

/** Undefined for a text that cursorOf never gave. */
export function placeOf(cursor: string): number | undefined {
  const text = Buffer.from(cursor, 'base64url').toString();
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

export function between(after: number | undefined, before: number | undefined): Prisma.PhotoWhereInput {
  return { position: { ...(after !== undefined && { gt: after }), ...(before !== undefined && { lt: before }) } };
}
