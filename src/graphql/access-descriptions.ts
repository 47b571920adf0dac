/** Adds who may use what to the schema's descriptions: the required scope of each root field, the readers of each Node type. */
import { type GraphQLSchema, isInterfaceType } from 'graphql';

const scopes = { query: 'READ', mutation: 'WRITE', subscription: 'READ' } as const;

/** The scope comes from the field's own `authScopes`, so a description cannot contradict the check. */
export function withAccess(schema: GraphQLSchema): GraphQLSchema {
  for (const [root, scope] of [
    [schema.getQueryType(), scopes.query],
    [schema.getMutationType(), scopes.mutation],
    [schema.getSubscriptionType(), scopes.subscription],
  ] as const) {
    for (const field of Object.values(root?.getFields() ?? {})) {
      const { authScopes } = (field.extensions['pothosOptions'] ?? {}) as { authScopes?: { admin?: boolean } };
      field.description = `${field.description} Scope: ${authScopes?.admin === true ? 'ADMIN' : scope}.`;
    }
  }
  const node = schema.getType('Node');
  const nodes = isInterfaceType(node) ? schema.getPossibleTypes(node) : [];
  const interfaces = nodes.flatMap((type) => type.getInterfaces()).filter((type) => type !== node);
  for (const type of new Set([...nodes, ...interfaces])) {
    if (type.description?.includes('Visible to') !== true) {
      type.description = `${type.description} Visible to its owner only.`;
    }
  }
  return schema;
}
