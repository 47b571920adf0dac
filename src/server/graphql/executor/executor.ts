/**
 * Executes queries and the events of subscriptions along plans: what a document selects is worked out once per document
 * and type instead of once per object. The result is what graphql-js's `execute` returns, byte for byte;
 * test/server/graphql/executor.test.ts compares the two on random documents.
 */
import {
  type DocumentNode,
  type ExecutionResult,
  type FragmentDefinitionNode,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
} from 'graphql';
import { dependsOnVariables } from './collect-fields.ts';
import { Execution } from './execution.ts';
import { Plan } from './plan.ts';

export type ExecuteArgs = {
  /** Valid for the schema. */
  document: DocumentNode;
  /** A query or a subscription of that document. For a subscription, `rootValue` is the event. */
  operation: OperationDefinitionNode;
  /** Coerced by graphql-js's `getVariableValues`. */
  variables: Record<string, unknown>;
  contextValue: unknown;
  rootValue?: unknown;
};

/** Never throws and never rejects: what a resolver throws is in `errors`. Synchronous where all resolvers are. */
export type Execute = (args: ExecuteArgs) => ExecutionResult | Promise<ExecutionResult>;

type DocumentPlans = {
  fragments: Record<string, FragmentDefinitionNode>;
  /** Null where @skip or @include depends on variables: such a document is planned anew for each execution. */
  byOperation: Map<OperationDefinitionNode, Plan> | null;
};

export function createExecutor(schema: GraphQLSchema): Execute {
  const plans = new WeakMap<DocumentNode, DocumentPlans>();

  function planOf({ document, operation, variables }: ExecuteArgs): Plan {
    const { fragments, byOperation } = plansOf(document);
    const known = byOperation?.get(operation);
    if (known !== undefined) return known;
    const rootType = schema.getRootType(operation.operation);
    if (!rootType) throw new TypeError(`The schema has no type for a ${operation.operation}.`);
    // A plan that is kept does not depend on variables, and must not keep those of its first caller alive.
    const planVariables = byOperation === null ? variables : {};
    const plan = new Plan(operation, rootType, { schema, fragments, variables: planVariables });
    byOperation?.set(operation, plan);
    return plan;
  }

  function plansOf(document: DocumentNode): DocumentPlans {
    const known = plans.get(document);
    if (known !== undefined) return known;
    const fragments = Object.create(null) as DocumentPlans['fragments'];
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments[definition.name.value] = definition;
    }
    const added = { fragments, byOperation: dependsOnVariables(document) ? null : new Map<never, never>() };
    plans.set(document, added);
    return added;
  }

  return (args) => new Execution(planOf(args), args).start();
}
