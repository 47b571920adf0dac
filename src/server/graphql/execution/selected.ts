/** The fields that a selection asks of one type of object, through its fragments, as GraphQL's CollectFields has them. */
import {
  type DirectiveNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLIncludeDirective,
  type GraphQLObjectType,
  type GraphQLSchema,
  GraphQLSkipDirective,
  getDirectiveValues,
  isAbstractType,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
  visit,
} from 'graphql';

export type Around = {
  schema: GraphQLSchema;
  fragments: Record<string, FragmentDefinitionNode>;
  /** What @skip and @include may depend on. */
  variables: Record<string, unknown>;
};

/** By the name that each has in the answer, in the answer's order. */
export type Selected = Map<string, [FieldNode, ...FieldNode[]]>;

export function fieldsOf(
  type: GraphQLObjectType,
  selectionSets: readonly SelectionSetNode[],
  around: Around,
): Selected {
  const selected: Selected = new Map();
  const spread = new Set<string>();
  for (const selectionSet of selectionSets) collect(type, selectionSet, around, selected, spread);
  return selected;
}

function collect(
  type: GraphQLObjectType,
  { selections }: SelectionSetNode,
  around: Around,
  selected: Selected,
  spread: Set<string>,
): void {
  for (const selection of selections) {
    if (!isIncluded(selection, around.variables)) continue;
    if (selection.kind === Kind.FIELD) {
      const name = (selection.alias ?? selection.name).value;
      const nodes = selected.get(name);
      if (nodes === undefined) selected.set(name, [selection]);
      else nodes.push(selection);
    } else if (selection.kind === Kind.INLINE_FRAGMENT) {
      if (isOf(type, selection.typeCondition?.name.value, around)) {
        collect(type, selection.selectionSet, around, selected, spread);
      }
    } else if (!spread.has(selection.name.value)) {
      spread.add(selection.name.value);
      const fragment = around.fragments[selection.name.value];
      if (fragment !== undefined && isOf(type, fragment.typeCondition.name.value, around)) {
        collect(type, fragment.selectionSet, around, selected, spread);
      }
    }
  }
}

function isIncluded(node: SelectionNode, variables: Record<string, unknown>): boolean {
  if (node.directives === undefined || node.directives.length === 0) return true;
  if (getDirectiveValues(GraphQLSkipDirective, node, variables)?.['if'] === true) return false;
  return getDirectiveValues(GraphQLIncludeDirective, node, variables)?.['if'] !== false;
}

function isOf(type: GraphQLObjectType, condition: string | undefined, { schema }: Around): boolean {
  if (condition === undefined || condition === type.name) return true;
  const wanted = schema.getType(condition);
  return isAbstractType(wanted) && schema.isSubType(wanted, type);
}

/** Whether the same document may select other fields with other variables. */
export function dependsOnVariables(document: DocumentNode): boolean {
  let depends = false;
  visit(document, {
    Directive(directive: DirectiveNode) {
      if (directive.arguments?.some(({ value }) => value.kind === Kind.VARIABLE)) depends = true;
    },
  });
  return depends;
}
