/** The second half of the pipeline: coerces the variables, checks the cost, executes, masks errors and reports the outcome. */
import {
  type DocumentNode,
  execute as executeMutation,
  type GraphQLError,
  type GraphQLSchema,
  getVariableValues,
  type OperationDefinitionNode,
  OperationTypeNode,
} from 'graphql';
import { HttpError } from '../http/http-error.ts';
import { costOf } from './document-cost.ts';
import { tooCostly } from './document-limits.ts';
import { maskErrors, toGraphQLError } from './mask.ts';
import { inMutationSpan } from './mutation-span.ts';
import { type ExecutionParts, nameOf, type OperationResult, type ValidOperation } from './operation.ts';
import { subscribe } from './subscribe.ts';

const noVariables: Record<string, unknown> = Object.freeze(Object.create(null));

/** The costs of operations without variables. Each operation belongs to a document, and so to one schema. */
const knownCosts = new WeakMap<OperationDefinitionNode, number>();

/** A valid operation before its execution. It runs once, and then keeps nothing of its request. */
export class PreparedOperation {
  /** graphql-ws reads these three. */
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operationName: string | null;
  readonly #parts: ExecutionParts;
  #valid: ValidOperation | undefined;

  constructor(parts: ExecutionParts, valid: ValidOperation) {
    this.#parts = parts;
    this.#valid = valid;
    this.schema = parts.schema;
    this.document = valid.document;
    this.operationName = valid.request.operationName ?? null;
  }

  /** Never rejects: every error is in the result, masked. Throws when it has run before. */
  run(): Promise<OperationResult> {
    const valid = this.#valid;
    if (valid === undefined) throw new Error('The operation has run already.');
    this.#valid = undefined;
    return run(this.#parts, valid);
  }
}

async function run(parts: ExecutionParts, valid: ValidOperation): Promise<OperationResult> {
  const { operation, request, transport } = valid;
  const result = await execute(parts, valid);
  transport.onOutcome({ name: nameOf(request, operation), errors: ('errors' in result && result.errors) || [] });
  return result;
}

async function execute(parts: ExecutionParts, valid: ValidOperation): Promise<OperationResult> {
  const { document, operation, request, context, transport } = valid;
  const { schema, maskError } = parts;
  const variables = coerceVariables(schema, valid);
  if (Array.isArray(variables)) return { errors: variables.map(maskError) };
  const refusal = checkCost(parts, valid, variables);
  if (refusal !== undefined) return { errors: [refusal] };
  try {
    switch (operation.operation) {
      case OperationTypeNode.QUERY:
        return maskErrors(await parts.execute({ document, operation, variables, contextValue: context }), maskError);
      case OperationTypeNode.MUTATION: {
        const args = { schema, document, operationName: request.operationName, variableValues: request.variables };
        return await inMutationSpan(operation, transport.traceparent, async () =>
          maskErrors(await executeMutation({ ...args, contextValue: context }), maskError),
        );
      }
      case OperationTypeNode.SUBSCRIPTION:
        return await subscribe(parts, valid, variables);
    }
  } catch (error) {
    return { errors: [error instanceof HttpError ? toGraphQLError(error) : maskError(error)] };
  }
}

/** Returns the coerced variables, or the errors of wrong ones. */
function coerceVariables(
  schema: GraphQLSchema,
  { operation, request }: ValidOperation,
): Record<string, unknown> | GraphQLError[] {
  const { variableDefinitions } = operation;
  if (variableDefinitions === undefined || variableDefinitions.length === 0) return noVariables;
  const { coerced, errors } = getVariableValues(schema, variableDefinitions, request.variables ?? {}, {
    maxErrors: 50,
  });
  for (const error of errors ?? []) {
    error.extensions['code'] ??= 'BAD_USER_INPUT';
    error.extensions['http'] ??= { status: 400 };
  }
  return coerced ?? [...(errors ?? [])];
}

/** Returns the error of an operation that costs too much. */
function checkCost(
  { schema, limits }: ExecutionParts,
  { document, operation }: ValidOperation,
  variables: Record<string, unknown>,
): GraphQLError | undefined {
  const cost = knownCosts.get(operation) ?? costOf({ schema, document, operation, variables });
  if (variables === noVariables) knownCosts.set(operation, cost);
  return cost > limits.documentCost ? tooCostly(cost, limits.documentCost) : undefined;
}
