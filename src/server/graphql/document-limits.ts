/** Limits on a document's depth, aliases, directives and cost. They hold before anything of the document runs. */
import { GraphQLError, Kind, type SelectionSetNode, type ValidationContext, type ValidationRule } from 'graphql';
import type { Limits } from '../../runtime/limits.ts';

export const documentRules = ({ documentDepth, documentAliases, documentDirectives }: Limits): ValidationRule[] => [
  depthLimit(documentDepth),
  countLimit(documentAliases, documentDirectives),
  introspectionWithoutAliases,
];

export const tooCostly = (cost: number, limit: number) =>
  new GraphQLError(`The answer could hold ${cost} fields, and ${limit} are allowed. Ask for shorter pages.`, {
    extensions: { code: 'DOCUMENT_TOO_COSTLY', cost, limit, http: { status: 400 } },
  });

/** A thousand aliases of one field, or a thousand directives, are little to send and much to execute. */
const countLimit =
  (maxAliases: number, maxDirectives: number): ValidationRule =>
  (context) => {
    let aliases = 0;
    let directives = 0;
    return {
      Field(field) {
        if (field.alias === undefined) return;
        aliases += 1;
        if (aliases !== maxAliases + 1) return;
        context.reportError(new GraphQLError(`A document takes ${maxAliases} aliases at most.`, { nodes: field }));
      },
      Directive(directive) {
        directives += 1;
        if (directives !== maxDirectives + 1) return;
        const message = `A document takes ${maxDirectives} directives at most.`;
        context.reportError(new GraphQLError(message, { nodes: directive }));
      },
    };
  };

/** graphql-js bounds the depth of introspection; with a few aliases at each level the answer would still be megabytes. */
const introspectionWithoutAliases: ValidationRule = (context) => ({
  Field(field) {
    const isIntrospection =
      context.getParentType()?.name.startsWith('__') || /^__(schema|type)$/.test(field.name.value);
    if (field.alias === undefined || !isIntrospection) return;
    context.reportError(new GraphQLError('Introspection takes no aliases.', { nodes: field }));
  },
});

/** How deep fields are nested, through fragments. Deeper documents would overflow the executor's stack. */
const depthLimit =
  (max: number): ValidationRule =>
  (context) => {
    const depths = new Map<string, number>();
    return {
      OperationDefinition(operation) {
        if (depthOf(operation.selectionSet, context, depths) <= max) return;
        context.reportError(new GraphQLError(`Fields may be ${max} levels deep at most.`, { nodes: operation }));
      },
    };
  };

/** Visits each fragment once. A cycle ends where it closes; another rule refuses it. */
function depthOf({ selections }: SelectionSetNode, context: ValidationContext, depths: Map<string, number>): number {
  const found = selections.map((selection) => {
    if (selection.kind !== Kind.FRAGMENT_SPREAD) {
      const below = selection.selectionSet ? depthOf(selection.selectionSet, context, depths) : 0;
      return selection.kind === Kind.FIELD ? below + 1 : below;
    }
    const name = selection.name.value;
    const fragment = context.getFragment(name);
    if (fragment && !depths.has(name)) {
      depths.set(name, 0);
      depths.set(name, depthOf(fragment.selectionSet, context, depths));
    }
    return depths.get(name) ?? 0;
  });
  return Math.max(0, ...found);
}
