/** One execution of a query: GraphQL's ExecuteSelectionSet and ExecuteField, along a plan. */
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
import { type AskedField, type AskedFields, type FieldRun, isPromise } from './field.ts';
import { FieldErrors } from './field-errors.ts';
import type { Plan } from './plan.ts';

export type Given = { rootValue: unknown; contextValue: unknown; variableValues: Record<string, unknown> };

export class Run implements FieldRun {
  readonly plan: Plan;
  readonly rootValue: unknown;
  readonly contextValue: unknown;
  readonly variableValues: Record<string, unknown>;
  readonly #errors = new FieldErrors();

  constructor(plan: Plan, { rootValue, contextValue, variableValues }: Given) {
    this.plan = plan;
    this.rootValue = rootValue;
    this.contextValue = contextValue;
    this.variableValues = variableValues;
  }

  get schema(): GraphQLSchema {
    return this.plan.around.schema;
  }

  /** Never throws, and never rejects. */
  result(): ExecutionResult | Promise<ExecutionResult> {
    try {
      const data = this.#resolve(this.plan.root, this.rootValue, undefined);
      if (!isPromise(data)) return this.#resultOf(data);
      return data.then(
        (resolved) => this.#resultOf(resolved),
        (error: unknown) => this.#resultOfNone(error),
      );
    } catch (error) {
      return this.#resultOfNone(error);
    }
  }

  resolveBelow(field: AskedField, type: GraphQLObjectType, source: unknown, path: Path): unknown {
    return this.#resolve(this.plan.below(field, type), source, path);
  }

  fail({ nodes }: AskedField, isNonNull: boolean, path: Path, raw: unknown): null {
    const error = locatedError(raw, nodes, responsePathAsArray(path));
    if (isNonNull) throw error;
    this.#errors.add(error, path);
    return null;
  }

  #resultOf(data: unknown): ExecutionResult {
    const { all: errors } = this.#errors;
    return (errors.length === 0 ? { data } : { errors, data }) as ExecutionResult;
  }

  /** Of an error that was located, and came through to the top. */
  #resultOfNone(error: unknown): ExecutionResult {
    this.#errors.add(error as GraphQLError, undefined);
    return this.#resultOf(null);
  }

  #resolve({ fields, make }: AskedFields, source: unknown, path: Path | undefined): unknown {
    const results = make();
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
      // The others may fail as well, and somebody has to hear of it.
      return whole(results).finally(() => {
        throw error;
      });
    }
    return hasPromise ? whole(results) : results;
  }

  #resolveField(field: AskedField, source: unknown, path: Path): unknown {
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

  #argumentsOf({ definition, nodes }: AskedField): Record<string, unknown> {
    return getArgumentValues(definition, nodes[0], this.variableValues);
  }
}

/** Puts what they resolve to in the place of promises. */
function whole(results: Record<string, unknown>): Promise<Record<string, unknown>> {
  return Promise.all(Object.values(results)).then((values) => {
    let at = 0;
    for (const name in results) results[name] = values[at++];
    return results;
  });
}

/** What a resolver is told of where it stands: most of it is asked by few, and there is one of these for each field. */
class Info implements GraphQLResolveInfo {
  readonly #run: Run;
  readonly #field: AskedField;
  readonly path: Path;

  constructor(run: Run, field: AskedField, path: Path) {
    this.#run = run;
    this.#field = field;
    this.path = path;
  }

  get fieldName(): string {
    return this.#field.definition.name;
  }

  get fieldNodes(): AskedField['nodes'] {
    return this.#field.nodes;
  }

  get returnType(): GraphQLOutputType {
    return this.#field.definition.type;
  }

  get parentType(): GraphQLObjectType {
    return this.#field.parentType;
  }

  get schema(): GraphQLSchema {
    return this.#run.schema;
  }

  get fragments(): Record<string, FragmentDefinitionNode> {
    return this.#run.plan.around.fragments;
  }

  get rootValue(): unknown {
    return this.#run.rootValue;
  }

  get operation(): OperationDefinitionNode {
    return this.#run.plan.operation;
  }

  get variableValues(): Record<string, unknown> {
    return this.#run.variableValues;
  }
}
