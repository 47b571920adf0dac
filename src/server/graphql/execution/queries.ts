/**
 * Queries, executed along plans that are made once for each document. What comes of it is what graphql-js's `execute` says,
 * to the letter: that is its own algorithm, without working out anew for each object what the document asks of it.
 */
import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  type FragmentDefinitionNode,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
} from 'graphql';
import { Plan } from './plan.ts';
import { Run } from './run.ts';
import { dependsOnVariables } from './selected.ts';

type Variables = Record<string, unknown>;

const none: Variables = Object.freeze(Object.create(null));

/** Those of a document, by operation; null where what it asks for depends on variables. */
type Plans = {
  fragments: Record<string, FragmentDefinitionNode>;
  byOperation: Map<OperationDefinitionNode, Plan> | null;
};

export class Queries {
  readonly schema: GraphQLSchema;
  readonly #plans = new WeakMap<DocumentNode, Plans>();

  constructor(schema: GraphQLSchema) {
    this.schema = schema;
  }

  /** The query that is asked for; undefined for a mutation, a subscription, and what is not there. */
  queryOf({ document, operationName }: Pick<ExecutionArgs, 'document' | 'operationName'>) {
    const operation = getOperationAST(document, operationName);
    return operation?.operation === OperationTypeNode.QUERY ? operation : undefined;
  }

  /** Of a document that is valid for this schema. Undefined, with nothing run, where it will not run for its variables. */
  execute(
    operation: OperationDefinitionNode,
    args: ExecutionArgs,
  ): ExecutionResult | Promise<ExecutionResult> | undefined {
    const { document, contextValue, rootValue } = args;
    const variableValues = this.#variablesOf(operation, args);
    if (variableValues === undefined) return undefined;
    return new Run(this.#planOf(operation, document, variableValues), {
      rootValue,
      contextValue,
      variableValues,
    }).result();
  }

  #variablesOf(
    { variableDefinitions }: OperationDefinitionNode,
    { variableValues }: ExecutionArgs,
  ): Variables | undefined {
    if (variableDefinitions === undefined || variableDefinitions.length === 0) return none;
    return getVariableValues(this.schema, variableDefinitions, variableValues ?? {}, { maxErrors: 1 }).coerced;
  }

  #planOf(operation: OperationDefinitionNode, document: DocumentNode, variables: Variables): Plan {
    const { fragments, byOperation } = this.#plansOf(document);
    const known = byOperation?.get(operation);
    if (known !== undefined) return known;
    const rootType = this.schema.getQueryType();
    if (!rootType) throw new TypeError('The schema has no queries.');
    if (byOperation === null) return new Plan(operation, rootType, { schema: this.schema, fragments, variables });
    const plan = new Plan(operation, rootType, { schema: this.schema, fragments, variables: {} });
    byOperation.set(operation, plan);
    return plan;
  }

  #plansOf(document: DocumentNode): Plans {
    const known = this.#plans.get(document);
    if (known !== undefined) return known;
    const fragments = Object.create(null) as Plans['fragments'];
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments[definition.name.value] = definition;
    }
    const plans = { fragments, byOperation: dependsOnVariables(document) ? null : new Map() };
    this.#plans.set(document, plans);
    return plans;
  }
}
