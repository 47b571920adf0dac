/** How large, deep and costly a document may be, before anything of it runs. */
import { GraphQLError, Kind, parse, type SelectionSetNode, type ValidationContext, type ValidationRule } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Limits } from '../limits/limits.ts';
import { type Asked, costOf } from './document-cost.ts';

export function useDocumentLimits(limits: Limits): Plugin {
  const { documentTokens: maxTokens, documentDepth, documentAliases, documentDirectives } = limits;
  const refuseCostly = ({ args, setResultAndStopExecution }: OnExecuting) => {
    const refusal = refusalOfCost(args, limits);
    if (refusal !== null) setResultAndStopExecution({ errors: [refusal] });
  };
  return {
    onParse({ setParseFn }) {
      setParseFn((source, options) => parse(source, { ...options, maxTokens }));
    },
    onValidate({ addValidationRule }) {
      addValidationRule(depthLimit(documentDepth));
      addValidationRule(countLimit(documentAliases, documentDirectives));
      addValidationRule(introspectionWithoutAliases);
    },
    onExecute: refuseCostly,
    onSubscribe: ({ args, setResultAndStopExecution }) =>
      refuseCostly({ args, setResultAndStopExecution: (result) => setResultAndStopExecution(result) }),
  };
}

type OnExecuting = {
  args: Asked;
  setResultAndStopExecution: (result: { errors: GraphQLError[] }) => void;
};

/** Null for an operation that may run. */
export function refusalOfCost(asked: Asked, { documentCost }: Limits): GraphQLError | null {
  const cost = costOf(asked);
  return cost > documentCost ? tooCostly(cost, documentCost) : null;
}

const tooCostly = (cost: number, most: number) =>
  new GraphQLError(`The answer could hold ${cost} fields, and ${most} are allowed. Ask for shorter pages.`, {
    extensions: { code: 'DOCUMENT_TOO_COSTLY', cost, limit: most, http: { status: 400 } },
  });

/** The same field a thousand times under other names, or a thousand directives: little to send, much to do. */
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

/** Without them graphql-js bounds what introspection answers by its depth. With a few at each level it is megabytes. */
const introspectionWithoutAliases: ValidationRule = (context) => ({
  Field(field) {
    const isAbout = context.getParentType()?.name.startsWith('__') || /^__(schema|type)$/.test(field.name.value);
    if (field.alias === undefined || !isAbout) return;
    context.reportError(new GraphQLError('Introspection takes no aliases.', { nodes: field }));
  },
});

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
