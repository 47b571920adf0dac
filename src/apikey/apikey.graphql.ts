/** GraphQL: API keys, and the mutations by which admins create and revoke them. Only createApiKey returns a secret. */
import type { ApiKey as ApiKeyRow } from '../../prisma/generated/client/client.ts';
import { owned } from '../access/ownership.ts';
import { builder } from '../graphql/builder.ts';
import { uuidOf } from '../graphql/global-id.ts';
import { InvalidInputError } from '../refusal/invalid-input.ts';
import { NotFoundError } from '../refusal/refusal.ts';
import { userIdOf } from '../user/key.ts';
import { User } from '../user/user.graphql.ts';
import { createApiKey, revokeApiKey } from './commands.ts';

const ApiScope = builder.enumType('ApiScope', {
  description: 'What an API key may do.',
  values: {
    READ: { description: 'Run queries and subscriptions.' },
    WRITE: { description: 'Run mutations. Includes READ.' },
    ADMIN: { description: 'Manage users, their limits and credits, and API keys. Includes WRITE and READ.' },
    ACT_AS: {
      description:
        'Act for an end user of the caller, whom the header `X-Likeness-User` names. Such a request has READ and WRITE as far as the key has them, and never ADMIN.',
    },
  } as const,
});

const ApiKey = builder.prismaNode('ApiKey', {
  name: 'ApiKey',
  description:
    'A key with which a server or a bot calls this API. The secret is shown once, when the key is created; only its hash is stored. Visible to its owner and to admins.',
  nullable: true,
  id: { field: 'id', description: 'The global id.' },
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
      description: 'The API keys of the user, newest first, revoked ones included.',
      query: { orderBy: { id: 'desc' } },
    },
    { name: 'ApiKeyConnection', description: 'A page of API keys.' },
    { name: 'ApiKeyEdge', description: 'An API key on a page.' },
  ),
);

const CreateApiKeyPayload = builder.objectRef<{ apiKey: ApiKeyRow; key: string }>('CreateApiKeyPayload').implement({
  description: 'A new API key and its secret.',
  fields: (t) => ({
    apiKey: t.expose('apiKey', { type: ApiKey, description: 'The key as it is stored, without the secret.' }),
    key: t.exposeString('key', {
      description:
        'The secret, `lk_…`. Store it now: it is never shown again. Send it as `Authorization: Bearer lk_…`.',
    }),
  }),
});

const CreateApiKeyInput = builder.inputType('CreateApiKeyInput', {
  description: 'The API key to create.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'A label for the key: 1 to 100 characters.' }),
    scopes: t.field({ type: [ApiScope], required: true, description: 'What the key may do: at least one scope.' }),
    userId: t.id({ description: 'The id of the user that the key authenticates. Default: the caller.' }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When the key expires, a time in the future. Default: never.',
    }),
  }),
});

builder.mutationField('createApiKey', (t) =>
  t.errorUnionField({
    types: [CreateApiKeyPayload, InvalidInputError, NotFoundError],
    authScopes: { admin: true },
    description: 'Creates an API key and returns its secret, this once.',
    union: { description: 'The new key with its secret, or the error.', resolveType: () => 'CreateApiKeyPayload' },
    args: { input: t.arg({ type: CreateApiKeyInput, required: true, description: 'The API key to create.' }) },
    resolve: async (_root, { input: { userId, ...input } }, { app, viewer }) =>
      await createApiKey(app, userId == null ? viewer.id : userIdOf(userId), input),
  }),
);

builder.mutationField('revokeApiKey', (t) =>
  t.errorUnionField({
    types: [ApiKey, NotFoundError],
    authScopes: { admin: true },
    description:
      'Revokes an API key. Requests with it are refused from now on, and its open WebSockets and event streams are closed within two seconds. Revoking a key again changes nothing.',
    union: { description: 'The revoked key, or the error.', resolveType: () => 'ApiKey' },
    args: { apiKeyId: t.arg.id({ required: true, description: 'The id of the API key.' }) },
    resolve: async (_root, { apiKeyId }, { app }) => {
      const id = uuidOf(apiKeyId, ['ApiKey']);
      if (id === undefined) throw new NotFoundError('API key');
      return await revokeApiKey(app, id);
    },
  }),
);
