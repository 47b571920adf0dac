/** What a document may cost: a field is one, and a list is as many times what is below it as it may have items. */
import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLObjectType,
  type GraphQLSchema,
  getArgumentValues,
  getNamedType,
  getOperationAST,
  getVariableValues,
  isAbstractType,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql';
import { pageSize } from '../../graphql/builder.ts';

export type Asked = {
  schema: GraphQLSchema;
  document: DocumentNode;
  operationName?: string | null | undefined;
  variableValues?: Record<string, unknown> | null | undefined;
};

type Around = {
  schema: GraphQLSchema;
  fragments: Map<string, FragmentDefinitionNode>;
  variables: Record<string, unknown>;
  /** Of each fragment, once: fragments that spread fragments twice each would be looked at for ever. */
  known: Map<string, number>;
};

/** Of a valid document. A fragment is counted each time that it is spread. 0 when it will not run for its variables. */
export function costOf({ schema, document, operationName, variableValues }: Asked): number {
  const operation = getOperationAST(document, operationName);
  const root = operation && schema.getRootType(operation.operation);
  if (!operation || !root) return 0;
  const { coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], variableValues ?? {});
  if (coerced === undefined) return 0;
  const fragments = new Map(
    document.definitions.flatMap((definition) =>
      definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition] as const] : [],
    ),
  );
  return costOfSelection(operation.selectionSet, root.name, {
    schema,
    fragments,
    variables: coerced,
    known: new Map(),
  });
}

function costOfSelection({ selections }: SelectionSetNode, typeName: string, around: Around): number {
  let cost = 0;
  for (const selection of selections) {
    if (selection.kind === Kind.FIELD) {
      cost += costOfField(selection, typeName, around);
    } else if (selection.kind === Kind.INLINE_FRAGMENT) {
      cost += costOfSelection(selection.selectionSet, selection.typeCondition?.name.value ?? typeName, around);
    } else {
      cost += costOfFragment(selection.name.value, around);
    }
  }
  return cost;
}

function costOfFragment(name: string, around: Around): number {
  const fragment = around.fragments.get(name);
  if (fragment === undefined) return 0;
  const known = around.known.get(name);
  if (known !== undefined) return known;
  const cost = costOfSelection(fragment.selectionSet, fragment.typeCondition.name.value, around);
  around.known.set(name, cost);
  return cost;
}

function costOfField(field: FieldNode, typeName: string, around: Around): number {
  const type = around.schema.getType(typeName);
  const fields = isObjectType(type) || isAbstractType(type) ? (type as GraphQLObjectType).getFields?.() : undefined;
  const definition = fields?.[field.name.value];
  // __typename, and what introspection has: bounded by the schema, and by document-limits.ts.
  if (definition === undefined || field.selectionSet === undefined) return 1;
  const args = argumentsOf(definition, field, around.variables);
  const isPage = definition.args.some(({ name }) => name === 'first');
  const asked = Number(args['first'] ?? args['last'] ?? pageSize.default);
  const ids = args['ids'];
  const items = isPage ? Math.min(Math.max(asked, 1), pageSize.max) : Array.isArray(ids) ? Math.max(ids.length, 1) : 1;
  return 1 + items * costOfSelection(field.selectionSet, getNamedType(definition.type).name, around);
}

/** A value that cannot be read is refused where it is used. */
function argumentsOf(...[definition, field, variables]: Parameters<typeof getArgumentValues>): Record<string, unknown> {
  try {
    return getArgumentValues(definition, field, variables);
  } catch {
    return {};
  }
}
