/** The order of a list of avatars, newest first, and its cursors. The id orders avatars of the same millisecond. */
import { z } from 'zod';
import type { Prisma } from '../../prisma/generated/client/client.ts';

export type AvatarCursor = { createdAt: Date; id: string };

export const newestFirst: Prisma.AvatarOrderByWithRelationInput[] = [{ createdAt: 'desc' }, { id: 'desc' }];
export const oldestFirst: Prisma.AvatarOrderByWithRelationInput[] = [{ createdAt: 'asc' }, { id: 'asc' }];

const sortKey = z.tuple([z.iso.datetime(), z.uuid()]);

export function encodeCursor({ createdAt, id }: AvatarCursor): string {
  return Buffer.from(`${createdAt.toISOString()} ${id}`).toString('base64url');
}

/** Undefined for a text that encodeCursor never returned. */
export function decodeCursor(cursor: string): AvatarCursor | undefined {
  const { data } = sortKey.safeParse(Buffer.from(cursor, 'base64url').toString().split(' '));
  return data && { createdAt: new Date(data[0]), id: data[1] };
}

/** The avatars after one cursor and before another; undefined leaves that side open. */
export function between(after: AvatarCursor | undefined, before: AvatarCursor | undefined): Prisma.AvatarWhereInput {
  return { AND: [after ? isAfter(after) : {}, before ? isBefore(before) : {}] };
}

function isAfter({ createdAt, id }: AvatarCursor): Prisma.AvatarWhereInput {
  return { OR: [{ createdAt: { lt: createdAt } }, { createdAt, id: { lt: id } }] };
}

function isBefore({ createdAt, id }: AvatarCursor): Prisma.AvatarWhereInput {
  return { OR: [{ createdAt: { gt: createdAt } }, { createdAt, id: { gt: id } }] };
}
