/** The Pothos builder: its plugins, their defaults, and the three root types. Every other type is built in its noun’s folder. */
import SchemaBuilder from '@pothos/core';
import ErrorsPlugin from '@pothos/plugin-errors';
import PrismaPlugin from '@pothos/plugin-prisma';
import RelayPlugin from '@pothos/plugin-relay';
import ScopeAuthPlugin from '@pothos/plugin-scope-auth';
import SimpleObjectsPlugin from '@pothos/plugin-simple-objects';
import { GraphQLError } from 'graphql';
import type PrismaTypes from '../../prisma/generated/pothos.ts';
import { getDatamodel } from '../../prisma/generated/pothos.ts';
import type { Scopes } from '../access/scopes.ts';
import type { Viewer } from '../access/session.ts';
import type { App } from '../app/app.ts';
import type { UploadedFile } from '../storage/uploaded-file.ts';
import './column-plugin.ts';
import { pageSize } from './pagination.ts';

/** The context of every resolver: the authenticated viewer, their scopes, and the parts of this server. */
export type Context = { viewer: Viewer; scopes: Scopes; app: App };

/**
 * The extension of a subscription field whose events are executed once and shared by many subscribers. Such a field keeps
 * two promises: its `subscribe` returns a JobSubscription, and its answer to an event depends only on the event, the
 * caller's authorization key and the selection. Its own arguments only choose the job and the first event.
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
  // The column plugin's two halves must stand directly before and after the Prisma plugin: see column-plugin.ts.
  plugins: [
    ScopeAuthPlugin,
    ErrorsPlugin,
    RelayPlugin,
    'columns',
    PrismaPlugin,
    'unwrappedResolvers',
    SimpleObjectsPlugin,
  ],
  defaultFieldNullability: false,
  scopeAuth: {
    // Check scopes when a subscription starts, not only at each event.
    authorizeOnSubscribe: true,
    authScopes: ({ scopes }) => ({ read: scopes.has('READ'), write: scopes.has('WRITE'), admin: scopes.has('ADMIN') }),
    unauthorizedError: () =>
      new GraphQLError('The scopes of this caller do not allow that.', { extensions: { code: 'FORBIDDEN' } }),
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
    nodeTypeOptions: { description: 'An object with a global id. Fetch it with `node(id)` or `nodes(ids)`.' },
    // node.ts defines node and nodes: there, a malformed id returns null like an unknown one.
    nodeQueryOptions: false,
    nodesQueryOptions: false,
    pageInfoTypeOptions: { description: 'The position of a page in its list.' },
    idFieldOptions: { description: 'The global id.' },
    cursorFieldOptions: { description: 'The position of the item in the list. Pass it as `after` or `before`.' },
    nodeFieldOptions: { description: 'The item.' },
    edgesFieldOptions: { description: 'The items of the page, in the order of the list, each with its cursor.' },
    pageInfoFieldOptions: { description: 'The position of the page in its list.' },
    hasNextPageFieldOptions: { description: 'Whether more items follow the page.' },
    hasPreviousPageFieldOptions: { description: 'Whether more items precede the page.' },
    startCursorFieldOptions: { description: 'The cursor of the first item. Null if the page is empty.' },
    endCursorFieldOptions: { description: 'The cursor of the last item. Null if the page is empty.' },
    firstArgOptions: {
      description: `Returns at most this many items from the start. Default: ${pageSize.default}. Maximum: ${pageSize.max}.`,
    },
    afterArgOptions: { description: 'Returns the items after this cursor.' },
    lastArgOptions: { description: `Returns at most this many items from the end. Maximum: ${pageSize.max}.` },
    beforeArgOptions: { description: 'Returns the items before this cursor.' },
  },
});

builder.queryType({ description: 'The entry points for reading.', authScopes: { read: true } });
builder.mutationType({
  description:
    'The entry points for changes. Each mutation returns a union: the changed object, or an error that the caller can act on. All errors implement `Error`.',
  authScopes: { write: true },
});
builder.subscriptionType({
  description: 'The streams of live updates, over WebSocket (graphql-transport-ws) or server-sent events.',
  authScopes: { read: true },
});
