/** GraphQL: what an API key is. The key itself is in no answer but that of createApiKey. */

import { owned } from '../access/ownership.ts';
import { builder } from '../graphql/builder.ts';
import { User } from '../user/user.graphql.ts';

export const ApiScope = builder.enumType('ApiScope', {
  description: 'What an API key may do.',
  values: {
    READ: { description: 'Queries and subscriptions.' },
    WRITE: { description: 'Mutations; brings READ.' },
    ADMIN: { description: 'Users, their limits and credits, and API keys; brings WRITE and READ.' },
    ACT_AS: {
      description:
        'Acting for an end user of the caller’s own, named by the header `X-Likeness-User`, with READ and WRITE where the key has them, and never ADMIN.',
    },
  } as const,
});

export const ApiKey = builder.prismaNode('ApiKey', {
  name: 'ApiKey',
  description:
    'What a server or a bot calls with. The key itself is shown once, when it is made; only its hash is kept. Read by its owner and by admins.',
  nullable: true,
  id: { field: 'id', description: 'Global id.' },
  // An admin's work goes through User.apiKeys.
  findUnique: (id, { viewer, scopes }) => ({ ...(scopes.has('ADMIN') ? {} : owned.apiKeys(viewer)), id }),
  fields: (t) => ({
    name: t.exposeString('name'),
    hint: t.exposeString('hint'),
    scopes: t.expose('scopes', { type: [ApiScope] }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', nullable: true }),
    revokedAt: t.expose('revokedAt', { type: 'DateTime', nullable: true }),
    lastUsedAt: t.expose('lastUsedAt', { type: 'DateTime', nullable: true }),
  }),
});

builder.prismaObjectField(User, 'apiKeys', (t) =>
  t.relatedConnection(
    'apiKeys',
    {
      cursor: 'id',
      description: 'What calls as this user, newest first, the revoked ones too. Read by the user and by admins.',
      query: { orderBy: { id: 'desc' } },
    },
    { name: 'ApiKeyConnection', description: 'A page of API keys.' },
    { name: 'ApiKeyEdge', description: 'An API key in its list.' },
  ),
);
