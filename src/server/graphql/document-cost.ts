/** What an operation may cost: 1 for each field, and a list multiplies the cost below it by the number of items it may have. */
import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLObjectType,
  type GraphQLSchema,
  getArgumentValues,
  getNamedType,
  isAbstractType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { pageSize } from '../../graphql/pagination.ts';

export type CostedOperation = {
  schema: GraphQLSchema;
  /** Valid for the schema. */
  document: DocumentNode;
  operation: OperationDefinitionNode;
  /** Coerced. */
  variables: Record<string, unknown>;
};

type CostScope = {
  schema: GraphQLSchema;
  fragments: Map<string, FragmentDefinitionNode>;
  variables: Record<string, unknown>;
  /** The cost of each fragment, worked out once: fragments that each spread the next one twice would take for ever. */
  costs: Map<string, number>;
};

/** A fragment counts each time that it is spread. */
export function costOf({ schema, document, operation, variables }: CostedOperation): number {
  const root = schema.getRootType(operation.operation);
  if (!root) return 0;
  const fragments = new Map(
    document.definitions.flatMap((definition) =>
      definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition] as const] : [],
    ),
  );
  return costOfSelection(operation.selectionSet, root.name, { schema, fragments, variables, costs: new Map() });
}

function costOfSelection({ selections }: SelectionSetNode, typeName: string, scope: CostScope): number {
  let cost = 0;
  for (const selection of selections) {
    if (selection.kind === Kind.FIELD) {
      cost += costOfField(selection, typeName, scope);
    } else if (selection.kind === Kind.INLINE_FRAGMENT) {
      cost += costOfSelection(selection.selectionSet, selection.typeCondition?.name.value ?? typeName, scope);
    } else {
      cost += costOfFragment(selection.name.value, scope);
    }
  }
  return cost;
}

function costOfFragment(name: string, scope: CostScope): number {
  const fragment = scope.fragments.get(name);
  if (fragment === undefined) return 0;
  const known = scope.costs.get(name);
  if (known !== undefined) return known;
  const cost = costOfSelection(fragment.selectionSet, fragment.typeCondition.name.value, scope);
  scope.costs.set(name, cost);
  return cost;
}

function costOfField(field: FieldNode, typeName: string, scope: CostScope): number {
  const type = scope.schema.getType(typeName);
  const fields = isObjectType(type) || isAbstractType(type) ? (type as GraphQLObjectType).getFields?.() : undefined;
  const definition = fields?.[field.name.value];
  // __typename and introspection: bounded by the schema and by document-limits.ts.
  if (definition === undefined || field.selectionSet === undefined) return 1;
  const args = argumentsOf(definition, field, scope.variables);
  const isPage = definition.args.some(({ name }) => name === 'first');
  const size = Number(args['first'] ?? args['last'] ?? pageSize.default);
  const ids = args['ids'];
  const items = isPage ? Math.min(Math.max(size, 1), pageSize.max) : Array.isArray(ids) ? Math.max(ids.length, 1) : 1;
  return 1 + items * costOfSelection(field.selectionSet, getNamedType(definition.type).name, scope);
}

/** An argument that cannot be read is refused when the field runs. */
function argumentsOf(...[definition, field, variables]: Parameters<typeof getArgumentValues>): Record<string, unknown> {
  try {
    return getArgumentValues(definition, field, variables);
  } catch {
    return {};
  }
}
