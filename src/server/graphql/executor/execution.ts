/** One execution of an operation: GraphQL's ExecuteSelectionSet and ExecuteField, along a plan. */
import {
  type ExecutionResult,
  type FragmentDefinitionNode,
  type GraphQLError,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getArgumentValues,
  locatedError,
  type OperationDefinitionNode,
  responsePathAsArray,
} from 'graphql';
import type { Path } from 'graphql/jsutils/Path.js';
import { FieldErrors } from './field-errors.ts';
import type { Plan } from './plan.ts';
import { type FieldExecution, isPromise, type PlannedField, type PlannedFields } from './planned-field.ts';

export type ExecutionValues = { rootValue?: unknown; contextValue: unknown; variables: Record<string, unknown> };

export class Execution implements FieldExecution {
  readonly plan: Plan;
  readonly rootValue: unknown;
  readonly contextValue: unknown;
  readonly variables: Record<string, unknown>;
  readonly #errors = new FieldErrors();

  constructor(plan: Plan, { rootValue, contextValue, variables }: ExecutionValues) {
    this.plan = plan;
    this.rootValue = rootValue;
    this.contextValue = contextValue;
    this.variables = variables;
  }

  get schema(): GraphQLSchema {
    return this.plan.scope.schema;
  }

  /** Executes the operation. Never throws and never rejects. */
  start(): ExecutionResult | Promise<ExecutionResult> {
    try {
      const data = this.#resolve(this.plan.root, this.rootValue, undefined);
      if (!isPromise(data)) return this.#resultOf(data);
      return data.then(
        (resolved) => this.#resultOf(resolved),
        (error: unknown) => this.#resultWithoutData(error),
      );
    } catch (error) {
      return this.#resultWithoutData(error);
    }
  }

  resolveBelow(field: PlannedField, type: GraphQLObjectType, source: unknown, path: Path): unknown {
    return this.#resolve(this.plan.below(field, type), source, path);
  }

  fail({ nodes }: PlannedField, isNonNull: boolean, path: Path, raw: unknown): null {
    const error = locatedError(raw, nodes, responsePathAsArray(path));
    if (isNonNull) throw error;
    this.#errors.add(error, path);
    return null;
  }

  #resultOf(data: unknown): ExecutionResult {
    const { all: errors } = this.#errors;
    return (errors.length === 0 ? { data } : { errors, data }) as ExecutionResult;
  }

  /** A located error of a non-null field has propagated to the root. */
  #resultWithoutData(error: unknown): ExecutionResult {
    this.#errors.add(error as GraphQLError, undefined);
    return this.#resultOf(null);
  }

  #resolve({ fields, createObject }: PlannedFields, source: unknown, path: Path | undefined): unknown {
    const results = createObject();
    let hasPromise = false;
    try {
      for (const field of fields) {
        const result = this.#resolveField(field, source, {
          prev: path,
          key: field.name,
          typename: field.parentType.name,
        });
        if (result === undefined) continue;
        results[field.name] = result;
        if (isPromise(result)) hasPromise = true;
      }
    } catch (error) {
      if (!hasPromise) throw error;
      // The other fields may reject as well: awaiting them keeps that from being an unhandled rejection.
      return settle(results).finally(() => {
        throw error;
      });
    }
    return hasPromise ? settle(results) : results;
  }

  #resolveField(field: PlannedField, source: unknown, path: Path): unknown {
    const info = new Info(this, field, path);
    try {
      const args = field.args === undefined ? this.#argumentsOf(field) : { ...field.args };
      const value: unknown = field.resolve(source, args, this.contextValue, info);
      const completed = isPromise(value)
        ? value.then((resolved) => field.complete(this, field, info, path, resolved))
        : field.complete(this, field, info, path, value);
      if (!isPromise(completed)) return completed;
      return completed.then(undefined, (error: unknown) => this.fail(field, field.isNonNull, path, error));
    } catch (error) {
      return this.fail(field, field.isNonNull, path, error);
    }
  }

  #argumentsOf({ definition, nodes }: PlannedField): Record<string, unknown> {
    return getArgumentValues(definition, nodes[0], this.variables);
  }
}

/** Replaces each promise by the value that it resolves to. */
function settle(results: Record<string, unknown>): Promise<Record<string, unknown>> {
  return Promise.all(Object.values(results)).then((values) => {
    let at = 0;
    for (const name in results) results[name] = values[at++];
    return results;
  });
}

/** `info` of a resolver. One is made for each field of each object and few resolvers read more than `path`, hence the getters. */
class Info implements GraphQLResolveInfo {
  readonly #execution: Execution;
  readonly #field: PlannedField;
  readonly path: Path;

  constructor(execution: Execution, field: PlannedField, path: Path) {
    this.#execution = execution;
    this.#field = field;
    this.path = path;
  }

  get fieldName(): string {
    return this.#field.definition.name;
  }

  get fieldNodes(): PlannedField['nodes'] {
    return this.#field.nodes;
  }

  get returnType(): GraphQLOutputType {
    return this.#field.definition.type;
  }

  get parentType(): GraphQLObjectType {
    return this.#field.parentType;
  }

  get schema(): GraphQLSchema {
    return this.#execution.schema;
  }

  get fragments(): Record<string, FragmentDefinitionNode> {
    return this.#execution.plan.scope.fragments;
  }

  get rootValue(): unknown {
    return this.#execution.rootValue;
  }

  get operation(): OperationDefinitionNode {
    return this.#execution.plan.operation;
  }

  get variableValues(): Record<string, unknown> {
    return this.#execution.variables;
  }
}
