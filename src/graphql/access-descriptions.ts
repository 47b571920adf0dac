/** Who may read what, said in the schema itself: at each root field the scope that it asks for, at each node and each of its fields whose it is. */
import { type GraphQLSchema, isInterfaceType } from 'graphql';

const roots = { query: 'READ', mutation: 'WRITE', subscription: 'READ' } as const;

/** Adds a sentence to what is described. By the fields' own rules, so that no sentence is forgotten or out of date. */
export function withAccess(schema: GraphQLSchema): GraphQLSchema {
  for (const [root, scope] of [
    [schema.getQueryType(), roots.query],
    [schema.getMutationType(), roots.mutation],
    [schema.getSubscriptionType(), roots.subscription],
  ] as const) {
    for (const field of Object.values(root?.getFields() ?? {})) {
      const { authScopes } = (field.extensions['pothosOptions'] ?? {}) as { authScopes?: { admin?: boolean } };
      field.description = `${field.description} Scope: ${authScopes?.admin === true ? 'ADMIN' : scope}.`;
    }
  }
  const node = schema.getType('Node');
  const nodes = isInterfaceType(node) ? schema.getPossibleTypes(node) : [];
  const shared = nodes.flatMap((type) => type.getInterfaces()).filter((type) => type !== node);
  for (const type of new Set([...nodes, ...shared])) {
    const [readers = 'Read by its owner only.'] = /Read by [^.]*\./.exec(type.description ?? '') ?? [];
    if (type.description?.includes(readers) !== true) type.description = `${type.description} ${readers}`;
    for (const field of Object.values(type.getFields())) field.description = `${field.description} ${readers}`;
  }
  return schema;
}
