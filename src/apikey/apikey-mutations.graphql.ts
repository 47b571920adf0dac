/** GraphQL: making API keys and taking them back. For admins. */
import type { ApiKey as ApiKeyRow } from '../../prisma/generated/client/client.ts';
import { builder } from '../graphql/builder.ts';
import { uuidOf } from '../graphql/global-id.ts';
import { InvalidInputError, NotFoundError } from '../refusal/refusal.ts';
import { userIdOf } from '../user/key.ts';
import { ApiKey, ApiScope } from './apikey.graphql.ts';
import { createApiKey, revokeApiKey } from './commands.ts';

const CreateApiKeyPayload = builder.objectRef<{ apiKey: ApiKeyRow; key: string }>('CreateApiKeyPayload').implement({
  description: 'A new API key.',
  fields: (t) => ({
    apiKey: t.expose('apiKey', { type: ApiKey, description: 'What is kept of it.' }),
    key: t.exposeString('key', {
      description: 'The key itself, `lk_…`: shown here and never again. Sent as `Authorization: Bearer lk_…`.',
    }),
  }),
});

const CreateApiKeyInput = builder.inputType('CreateApiKeyInput', {
  description: 'A key to make.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'What to call it: 1 to 100 characters.' }),
    scopes: t.field({ type: [ApiScope], required: true, description: 'What it may do.' }),
    userId: t.id({ description: 'As whom it calls. Default: the caller.' }),
    expiresAt: t.field({ type: 'DateTime', description: 'From when on it is refused. Default: never.' }),
  }),
});

builder.mutationField('createApiKey', (t) =>
  t.errorUnionField({
    types: [CreateApiKeyPayload, InvalidInputError, NotFoundError],
    authScopes: { admin: true },
    description: 'Makes an API key.',
    union: { description: 'The new key, or why there is none.', resolveType: () => 'CreateApiKeyPayload' },
    args: { input: t.arg({ type: CreateApiKeyInput, required: true, description: 'The key to make.' }) },
    resolve: async (_root, { input: { userId, ...input } }, { app, viewer }) =>
      await createApiKey(app, userId == null ? viewer.id : userIdOf(userId), input),
  }),
);

builder.mutationField('revokeApiKey', (t) =>
  t.errorUnionField({
    types: [ApiKey, NotFoundError],
    authScopes: { admin: true },
    description:
      'Takes an API key back: it is refused from now on, and the sockets and streams that it holds open are closed within two seconds. Twice is once.',
    union: { description: 'The key, or why it cannot be revoked.', resolveType: () => 'ApiKey' },
    args: { apiKeyId: t.arg.id({ required: true, description: 'The key.' }) },
    resolve: async (_root, { apiKeyId }, { app }) => {
      const id = uuidOf(apiKeyId, ['ApiKey']);
      if (id === undefined) throw new NotFoundError('API key');
      return await revokeApiKey(app, id);
    },
  }),
);
