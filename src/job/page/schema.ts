/** GraphQL: a page of jobs, newest first, with everything that is selected of them in one SQL statement. */
import { PothosValidationError } from '@pothos/core';
import { queryFromInfo } from '@pothos/plugin-prisma';
import { type DefaultConnectionArguments, resolveCursorConnection } from '@pothos/plugin-relay';
import type { GraphQLResolveInfo } from 'graphql';
import { z } from 'zod';
import type { Job, Prisma } from '../../../prisma/generated/client/client.ts';
import { type Context, pageSize } from '../../builder.ts';

/**
 * Ids are made in the order of time, so they are the list's order and its cursors. A cursor tells a place by value and
 * not by the row: a page can also be had after a job that has gone with its avatar.
 */
export async function pageOfJobs(
  args: DefaultConnectionArguments,
  context: Context,
  info: GraphQLResolveInfo,
  typeName: 'Job' | 'Generation',
  where: Prisma.JobWhereInput,
) {
  const query: object = queryFromInfo({
    context,
    info,
    typeName,
    paths: [['edges', 'node']],
    select: { id: true, kind: true },
  });
  return await resolveCursorConnection<Promise<Job[]>>(
    {
      args,
      defaultSize: pageSize.default,
      maxSize: pageSize.max,
      toCursor: ({ id }) => Buffer.from(id).toString('base64url'),
    },
    ({ after, before, limit, inverted }) =>
      context.app.prisma.job.findMany({
        ...query,
        where: {
          AND: [where, after ? { id: { lt: placeOf(after) } } : {}, before ? { id: { gt: placeOf(before) } } : {}],
        },
        orderBy: { id: inverted ? 'asc' : 'desc' },
        take: limit,
      }),
  );
}

function placeOf(cursor: string): string {
  const { data } = z.uuid().safeParse(Buffer.from(cursor, 'base64url').toString());
  if (data === undefined) throw new PothosValidationError(`Invalid cursor: ${cursor}`);
  return data;
}
