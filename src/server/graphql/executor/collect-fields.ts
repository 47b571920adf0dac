/** GraphQL's CollectFields: the fields that selection sets select of one object type, through their fragments. */
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

export type PlanScope = {
  schema: GraphQLSchema;
  fragments: Record<string, FragmentDefinitionNode>;
  /** For @skip and @include. */
  variables: Record<string, unknown>;
};

/** By response name, in the order of the result. */
export type CollectedFields = Map<string, [FieldNode, ...FieldNode[]]>;

export function collectFields(
  type: GraphQLObjectType,
  selectionSets: readonly SelectionSetNode[],
  scope: PlanScope,
): CollectedFields {
  const collected: CollectedFields = new Map();
  const spread = new Set<string>();
  for (const selectionSet of selectionSets) collect(type, selectionSet, scope, collected, spread);
  return collected;
}

function collect(
  type: GraphQLObjectType,
  { selections }: SelectionSetNode,
  scope: PlanScope,
  collected: CollectedFields,
  spread: Set<string>,
): void {
  for (const selection of selections) {
    if (!isIncluded(selection, scope.variables)) continue;
    if (selection.kind === Kind.FIELD) {
      const name = (selection.alias ?? selection.name).value;
      const nodes = collected.get(name);
      if (nodes === undefined) collected.set(name, [selection]);
      else nodes.push(selection);
    } else if (selection.kind === Kind.INLINE_FRAGMENT) {
      if (applies(type, selection.typeCondition?.name.value, scope)) {
        collect(type, selection.selectionSet, scope, collected, spread);
      }
    } else if (!spread.has(selection.name.value)) {
      spread.add(selection.name.value);
      const fragment = scope.fragments[selection.name.value];
      if (fragment !== undefined && applies(type, fragment.typeCondition.name.value, scope)) {
        collect(type, fragment.selectionSet, scope, collected, spread);
      }
    }
  }
}

function isIncluded(node: SelectionNode, variables: Record<string, unknown>): boolean {
  if (node.directives === undefined || node.directives.length === 0) return true;
  if (getDirectiveValues(GraphQLSkipDirective, node, variables)?.['if'] === true) return false;
  return getDirectiveValues(GraphQLIncludeDirective, node, variables)?.['if'] !== false;
}

function applies(type: GraphQLObjectType, condition: string | undefined, { schema }: PlanScope): boolean {
  if (condition === undefined || condition === type.name) return true;
  const wanted = schema.getType(condition);
  return isAbstractType(wanted) && schema.isSubType(wanted, type);
}

/** Whether the document may select different fields with different variables. */
export function dependsOnVariables(document: DocumentNode): boolean {
  let depends = false;
  visit(document, {
    Directive(directive: DirectiveNode) {
      if (directive.arguments?.some(({ value }) => value.kind === Kind.VARIABLE)) depends = true;
    },
  });
  return depends;
}
