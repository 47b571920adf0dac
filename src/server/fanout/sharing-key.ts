/**
 * Which subscriptions can share their events. Two do when they follow the same job with the same authorization key,
 * document, operation and variables, and their field is marked as shared. Variables that are only arguments of that field
 * do not count: they say what is followed and from where, and the field's own source says what that came to.
 */
import {
  type DocumentNode,
  type FieldNode,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  visit,
} from 'graphql';
import { sharedField } from '../../graphql/builder.ts';

/** The names of the variables that count; null for an operation that cannot be shared. */
const countedVariables = new WeakMap<OperationDefinitionNode, readonly string[] | null>();

/**
 * The part of the key that comes from the request; the job and the authorization key come on top. Undefined for an operation
 * that cannot be shared.
 */
export function sharingKeyOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  request: { query: string; variables?: Record<string, unknown> | null | undefined },
): string | undefined {
  let counted = countedVariables.get(operation);
  if (counted === undefined) {
    const field = sharedFieldOf(operation, schema);
    counted = field ? variablesBesides(field, document) : null;
    countedVariables.set(operation, counted);
  }
  if (counted === null) return undefined;
  const variables = request.variables ?? {};
  const values = counted.filter((name) => Object.hasOwn(variables, name)).map((name) => [name, variables[name]]);
  return JSON.stringify([operation.name?.value ?? null, values, request.query]);
}

/** The field of a subscription that is marked as shared. It has to stand in the operation itself, not in a fragment. */
function sharedFieldOf({ operation, selectionSet }: OperationDefinitionNode, schema: GraphQLSchema): FieldNode | null {
  const [selection, second] = selectionSet.selections;
  if (operation !== OperationTypeNode.SUBSCRIPTION || second !== undefined || selection?.kind !== Kind.FIELD)
    return null;
  const field = schema.getSubscriptionType()?.getFields()[selection.name.value];
  return field?.extensions[sharedField] === true ? selection : null;
}

/** The names of the variables that the document uses anywhere but in the arguments of `field`, sorted. */
function variablesBesides(field: FieldNode, document: DocumentNode): readonly string[] {
  const names = new Set<string>();
  const args = new Set<unknown>(field.arguments);
  visit(document, {
    Argument: (argument) => (args.has(argument) ? false : undefined),
    VariableDefinition: () => false,
    Variable: ({ name }) => void names.add(name.value),
  });
  return [...names].sort();
}
