/** GraphQL: who the caller is. */
import { builder } from '../builder.ts';

export const User = builder.prismaNode('User', {
  description: 'Who owns avatars and everything made with them.',
  nullable: true,
  id: { field: 'id', description: 'Global id.' },
  // Nobody is shown anybody but themselves.
  findUnique: (id, { viewer }) => ({ id, AND: { id: viewer.id } }),
  fields: (t) => ({
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the user first came here.' }),
  }),
});

builder.queryField('viewer', (t) =>
  t.prismaField({
    type: User,
    description: 'The caller. This server has one local user.',
    resolve: (query, _root, _args, { app, viewer }) =>
      app.prisma.user.findUniqueOrThrow({ ...query, where: { id: viewer.id } }),
  }),
);
