/** The Pothos builder: plugins, defaults, context. It defines no type of the API but the scalars and Node. */
import SchemaBuilder from '@pothos/core';
import ErrorsPlugin from '@pothos/plugin-errors';
import PrismaPlugin from '@pothos/plugin-prisma';
import RelayPlugin from '@pothos/plugin-relay';
import ScopeAuthPlugin from '@pothos/plugin-scope-auth';
import SimpleObjectsPlugin from '@pothos/plugin-simple-objects';
import { GraphQLError, GraphQLScalarType } from 'graphql';
import { DateTimeResolver } from 'graphql-scalars';
import type PrismaTypes from '../../prisma/generated/pothos.ts';
import { getDatamodel } from '../../prisma/generated/pothos.ts';
import type { Scopes } from '../access/scopes.ts';
import type { App, Viewer } from '../app/app.ts';
import './column-plugin.ts';
import { UploadedFile } from '../storage/uploaded-file.ts';
import { UrlScalar } from './url-scalar.ts';

/** What every resolver is given: who asks, what they may, and the parts of this server. */
export type Context = { viewer: Viewer; scopes: Scopes; app: App };

/** A page holds 20 of a list unless `first` says otherwise, and 100 at most. */
export const pageSize = { default: 20, max: 100 };

/**
 * Marks a subscription, in its extensions, whose events may be answered once for many subscribers. Its `subscribe` gives a
 * JobSubscription, and what an event of it is answered with follows from the event, the caller's authorization key and
 * what is selected beneath: its own arguments only say what is followed, and from where.
 */
export const sharedField = 'isShared';

export const builder = new SchemaBuilder<{
  Context: Context;
  PrismaTypes: PrismaTypes;
  DefaultFieldNullability: false;
  AuthScopes: { read: boolean; write: boolean; admin: boolean };
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: Date; Output: Date };
    URL: { Input: URL; Output: URL | string };
    File: { Input: UploadedFile; Output: never };
  };
}>({
  plugins: [ScopeAuthPlugin, ErrorsPlugin, RelayPlugin, 'columns', PrismaPlugin, 'beneathPrisma', SimpleObjectsPlugin],
  defaultFieldNullability: false,
  scopeAuth: {
    // Also at the start of a subscription, not only at each event.
    authorizeOnSubscribe: true,
    authScopes: ({ scopes }) => ({ read: scopes.has('READ'), write: scopes.has('WRITE'), admin: scopes.has('ADMIN') }),
    unauthorizedError: () => new GraphQLError('This caller may not do that.', { extensions: { code: 'FORBIDDEN' } }),
  },
  errors: {
    defaultUnionOptions: { name: ({ fieldName }) => `${fieldName.charAt(0).toUpperCase()}${fieldName.slice(1)}Result` },
  },
  prisma: {
    client: (context) => context.app.prisma,
    dmmf: getDatamodel(),
    exposeDescriptions: true,
    filterConnectionTotalCount: true,
    defaultConnectionSize: pageSize.default,
    maxConnectionSize: pageSize.max,
    onUnusedQuery: null,
  },
  relay: {
    clientMutationId: 'omit',
    cursorType: 'String',
    nodeTypeOptions: { description: 'Whatever has a global id. `node(id)` and `nodes(ids)` serve every one of them.' },
    // In node/schema.ts: an id that names nothing gives null, whatever is wrong with it.
    nodeQueryOptions: false,
    nodesQueryOptions: false,
    pageInfoTypeOptions: { description: 'Where a page stands in its list.' },
    idFieldOptions: { description: 'Global id.' },
    cursorFieldOptions: { description: 'Names this place in the list, for `after` and `before`.' },
    nodeFieldOptions: { description: 'What stands in this place.' },
    edgesFieldOptions: { description: 'The places of the page, in order.' },
    pageInfoFieldOptions: { description: 'Where the page stands in its list.' },
    hasNextPageFieldOptions: { description: 'Whether more follows.' },
    hasPreviousPageFieldOptions: { description: 'Whether more comes before.' },
    startCursorFieldOptions: { description: 'The first place of the page; null when the page is empty.' },
    endCursorFieldOptions: { description: 'The last place of the page; null when the page is empty.' },
    firstArgOptions: {
      description: `How many, from the front: ${pageSize.default} unless given, at most ${pageSize.max}.`,
    },
    afterArgOptions: { description: 'Only what follows this cursor.' },
    lastArgOptions: { description: `How many, from the back, at most ${pageSize.max}.` },
    beforeArgOptions: { description: 'Only what comes before this cursor.' },
  },
});

builder.queryType({ description: 'What can be read. With the scope READ.', authScopes: { read: true } });
builder.mutationType({
  description:
    'What can be done. Each answers with a union: the thing it made, or a refusal that the caller can act on. With the scope WRITE.',
  authScopes: { write: true },
});
builder.subscriptionType({
  description:
    'What can be followed live, over WebSocket (graphql-transport-ws) or server-sent events. With the scope READ.',
  authScopes: { read: true },
});

builder.addScalarType('DateTime', DateTimeResolver);
builder.addScalarType('URL', UrlScalar);

const fileRefusal = 'A File is sent by the GraphQL multipart request specification, with null in its place here.';

export const FileScalar = new GraphQLScalarType<UploadedFile, never>({
  name: 'File',
  description: 'An uploaded file, sent by the GraphQL multipart request specification.',
  parseValue: (value) => {
    if (value instanceof UploadedFile) return value;
    throw new GraphQLError(fileRefusal);
  },
  parseLiteral: () => {
    throw new GraphQLError(fileRefusal);
  },
  serialize: () => {
    throw new TypeError('A File is only ever input.');
  },
});
builder.addScalarType('File', FileScalar);
