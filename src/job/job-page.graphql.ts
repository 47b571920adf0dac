/** GraphQL: pages of jobs, newest first. One SQL statement reads a page with everything that the document selects. */
import { queryFromInfo } from '@pothos/plugin-prisma';
import type { DefaultConnectionArguments } from '@pothos/plugin-relay';
import type { GraphQLResolveInfo } from 'graphql';
import type { Job, Prisma } from '../../prisma/generated/client/client.ts';
import type { Context } from '../graphql/builder.ts';
import { pageOf, pageQuery } from '../graphql/pagination.ts';
import { between, decodeCursor, encodeCursor } from './cursor.ts';

/** A page of the jobs that `where` matches. */
export async function pageOfJobs(
  args: DefaultConnectionArguments,
  context: Context,
  info: GraphQLResolveInfo,
  typeName: 'Job' | 'Generation',
  where: Prisma.JobWhereInput,
) {
  const selection: object = queryFromInfo({
    context,
    info,
    typeName,
    paths: [['edges', 'node']],
    select: { id: true, kind: true },
  });
  const jobs: Job[] = await context.app.prisma.job.findMany({ ...selection, ...jobsQuery(args, where) });
  return pageOf(args, jobs, encodeCursor);
}

function jobsQuery(args: DefaultConnectionArguments, where: Prisma.JobWhereInput) {
  const { after, before, limit, inverted } = pageQuery(args, decodeCursor);
  const orderBy: Prisma.JobOrderByWithRelationInput = { id: inverted ? 'asc' : 'desc' };
  return { where: { AND: [where, between(after, before)] }, orderBy, take: limit };
}

/** Selects a page of jobs as a relation; `pageOfSelected` makes the page from the selected rows. */
export const jobsOf = (args: DefaultConnectionArguments, where: Prisma.JobWhereInput) => ({
  ...jobsQuery(args, where),
  select: { id: true, kind: true },
});

/** The rows also have the columns that the document selects. */
export const pageOfSelected = (args: DefaultConnectionArguments, jobs: Pick<Job, 'id' | 'kind'>[]) =>
  pageOf(args, jobs as Job[], encodeCursor);
