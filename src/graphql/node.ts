/** GraphQL: anything that has a global id, by it. */
import { type GraphQLSchema, isInterfaceType } from 'graphql';
import { builder } from './builder.ts';
import { uuidOf } from './global-id.ts';

/** Null for a text that is no global id of a type that has any: it names nothing, like the id of what was deleted. */
function known(globalId: string, schema: GraphQLSchema): string | null {
  const node = schema.getType('Node');
  const types = isInterfaceType(node) ? schema.getPossibleTypes(node).map(({ name }) => name) : [];
  return uuidOf(globalId, types) === undefined ? null : globalId;
}

builder.queryField('node', (t) =>
  t.node({
    description:
      'The thing with this global id; null when the id names nothing, or something that belongs to somebody else.',
    args: { id: t.arg.id({ required: true, description: 'The global id.' }) },
    id: (_root, { id }, _context, { schema }) => known(id, schema),
  }),
);

builder.queryField('nodes', (t) =>
  t.nodeList({
    description: 'The things with these global ids, in their order, null for each that `node` would give null for.',
    args: { ids: t.arg.idList({ required: true, description: 'The global ids.' }) },
    ids: (_root, { ids }, _context, { schema }) => ids.map((id) => known(id, schema)),
  }),
);
