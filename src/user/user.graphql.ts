/** GraphQL: who owns things here. */

import { isStorable } from '../database/storable-text.ts';
import { builder } from '../graphql/builder.ts';

export const User = builder.prismaNode('User', {
  description: 'Who owns avatars and everything made with them. Read by the user and by admins.',
  nullable: true,
  id: { field: 'id', description: 'Global id.' },
  // Nobody is shown anybody but themselves, unless they are an admin.
  findUnique: (id, { viewer, scopes }) => ({ id, ...(!scopes.has('ADMIN') && { AND: { id: viewer.id } }) }),
  fields: (t) => ({
    externalId: t.exposeString('externalId', { nullable: true }),
    weight: t.exposeInt('weight'),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the user first came here.' }),
  }),
});

builder.queryField('viewer', (t) =>
  t.prismaField({
    type: User,
    description: 'The caller: the user whom the key or the token speaks for.',
    resolve: (query, _root, _args, { app, viewer }) =>
      app.prisma.user.findUniqueOrThrow({ ...query, where: { id: viewer.id } }),
  }),
);

builder.queryField('users', (t) =>
  t.prismaConnection(
    {
      type: User,
      cursor: 'id',
      authScopes: { admin: true },
      description: 'Everybody, newest first.',
      args: {
        externalId: t.arg.string({ description: 'Only those of this id of their own.' }),
      },
      resolve: (query, _root, { externalId }, { app }) =>
        app.prisma.user.findMany({
          ...query,
          // No stored id holds what PostgreSQL cannot store.
          ...(externalId != null && { where: isStorable(externalId) ? { externalId } : { id: { in: [] } } }),
          orderBy: { id: 'desc' },
        }),
    },
    { name: 'UserConnection', description: 'A page of users.' },
    { name: 'UserEdge', description: 'A user in their list.' },
  ),
);
