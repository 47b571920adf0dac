/** GraphQL: node(id) and nodes(ids), which fetch any object by its global id. */
import { type GraphQLSchema, isInterfaceType } from 'graphql';
import { builder } from './builder.ts';
import { uuidOf } from './global-id.ts';

/** The id itself, or null if it is not the global id of a Node type: a malformed id then answers null like an unknown one. */
function wellFormed(globalId: string, schema: GraphQLSchema): string | null {
  const node = schema.getType('Node');
  const types = isInterfaceType(node) ? schema.getPossibleTypes(node).map(({ name }) => name) : [];
  return uuidOf(globalId, types) === undefined ? null : globalId;
}

builder.queryField('node', (t) =>
  t.node({
    description: 'The object with this global id. Null if there is none, or if the caller may not see it.',
    args: { id: t.arg.id({ required: true, description: 'The global id.' }) },
    id: (_root, { id }, _context, { schema }) => wellFormed(id, schema),
  }),
);

builder.queryField('nodes', (t) =>
  t.nodeList({
    description:
      'The objects with these global ids, in the same order. An item is null where `node` would return null.',
    args: { ids: t.arg.idList({ required: true, description: 'The global ids.' }) },
    ids: (_root, { ids }, _context, { schema }) => ids.map((id) => wellFormed(id, schema)),
  }),
);
