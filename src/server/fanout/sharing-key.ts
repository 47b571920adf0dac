/**
 * Which subscriptions are answered alike. Those of the same authorization key, to the same document, operation and variables are, when
 * the field that they follow is marked for it; variables that are only arguments of that field do not count, since its
 * source says what they came to.
 */
import {
  type DocumentNode,
  type FieldNode,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  visit,
} from 'graphql';
import { sharedField } from '../../graphql/builder.ts';

export type Operation = {
  schema: GraphQLSchema;
  document: DocumentNode;
  operationName?: string | null | undefined;
  variableValues?: Record<string, unknown> | null | undefined;
};

/** Of each document, by operation: the variables that count, or null for one that is not shared. */
const known = new WeakMap<DocumentNode, Map<string, ReadonlySet<string> | null>>();

/**
 * What operations that are answered alike have in common, besides what they follow and the authorization key of their callers.
 * Undefined for one that is nobody else's, and for one that will not run for its variables.
 */
export function sharingKeyOf(operation: Operation, text: string): string | undefined {
  const counted = countedOf(operation);
  if (counted === null) return undefined;
  const { schema, document, operationName, variableValues } = operation;
  const definition = getOperationAST(document, operationName);
  const given = variableValues ?? {};
  if (getVariableValues(schema, definition?.variableDefinitions ?? [], given).errors) return undefined;
  const values = [...counted].filter((name) => Object.hasOwn(given, name)).map((name) => [name, given[name]]);
  return JSON.stringify([operationName ?? null, values, text]);
}

function countedOf({ schema, document, operationName }: Operation): ReadonlySet<string> | null {
  const byName = known.get(document) ?? new Map<string, ReadonlySet<string> | null>();
  known.set(document, byName);
  const name = operationName ?? '';
  const before = byName.get(name);
  if (before !== undefined) return before;
  const definition = getOperationAST(document, operationName);
  const field = definition && sharedFieldOf(definition, schema);
  const counted = field ? variablesBeside(field, document) : null;
  byName.set(name, counted);
  return counted;
}

/** The one field of a subscription, where it stands in the operation itself. */
function sharedFieldOf({ operation, selectionSet }: OperationDefinitionNode, schema: GraphQLSchema): FieldNode | null {
  const [selection, second] = selectionSet.selections;
  if (operation !== OperationTypeNode.SUBSCRIPTION || second !== undefined || selection?.kind !== Kind.FIELD)
    return null;
  const field = schema.getSubscriptionType()?.getFields()[selection.name.value];
  return field?.extensions[sharedField] === true ? selection : null;
}

/** The variables that a document uses anywhere but in the arguments of that field, by name. */
function variablesBeside(field: FieldNode, document: DocumentNode): ReadonlySet<string> {
  const names: string[] = [];
  const args = new Set<unknown>(field.arguments);
  visit(document, {
    Argument: (argument) => (args.has(argument) ? false : undefined),
    VariableDefinition: () => false,
    Variable: ({ name }) => void names.push(name.value),
  });
  return new Set(names.sort());
}
