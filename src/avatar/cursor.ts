/** Where a page of avatars starts: after an avatar's place in the order, which is newest first. */
import { z } from 'zod';
import type { Prisma } from '../../prisma/generated/client/client.ts';

export type Place = { createdAt: Date; id: string };

export const newestFirst: Prisma.AvatarOrderByWithRelationInput[] = [{ createdAt: 'desc' }, { id: 'desc' }];
export const oldestFirst: Prisma.AvatarOrderByWithRelationInput[] = [{ createdAt: 'asc' }, { id: 'asc' }];

const placeText = z.tuple([z.iso.datetime(), z.uuid()]);

export function cursorOf({ createdAt, id }: Place): string {
  return Buffer.from(`${createdAt.toISOString()} ${id}`).toString('base64url');
}

/** Undefined for a text that cursorOf never gave. */
export function placeOf(cursor: string): Place | undefined {
  const { data } = placeText.safeParse(Buffer.from(cursor, 'base64url').toString().split(' '));
  return data && { createdAt: new Date(data[0]), id: data[1] };
}

export function between(after: Place | undefined, before: Place | undefined): Prisma.AvatarWhereInput {
  return { AND: [after ? isAfter(after) : {}, before ? isBefore(before) : {}] };
}

function isAfter({ createdAt, id }: Place): Prisma.AvatarWhereInput {
  return { OR: [{ createdAt: { lt: createdAt } }, { createdAt, id: { lt: id } }] };
}

function isBefore({ createdAt, id }: Place): Prisma.AvatarWhereInput {
  return { OR: [{ createdAt: { gt: createdAt } }, { createdAt, id: { gt: id } }] };
}
