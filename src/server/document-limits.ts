/** How large and how deep a document may be, before anything of it runs. */
import { GraphQLError, Kind, parse, type SelectionSetNode, type ValidationContext, type ValidationRule } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Limits } from './limits.ts';

export function useDocumentLimits({ documentTokens: maxTokens, documentDepth }: Limits): Plugin {
  return {
    onParse({ setParseFn }) {
      setParseFn((source, options) => parse(source, { ...options, maxTokens }));
    },
    onValidate({ addValidationRule }) {
      addValidationRule(depthLimit(documentDepth));
    },
  };
}

/** Fields within fields, through fragments; more would run the executor out of stack. */
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

/** Each fragment is looked at once, and a cycle, which another rule refuses, ends where it comes round. */
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
