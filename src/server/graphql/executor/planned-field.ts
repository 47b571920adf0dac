/** A selected field of a type, with everything about it that can be worked out before it is resolved. */
import type {
  FieldNode,
  GraphQLField,
  GraphQLFieldResolver,
  GraphQLObjectType,
  GraphQLResolveInfo,
  GraphQLSchema,
} from 'graphql';
import type { Path } from 'graphql/jsutils/Path.js';

export type PlannedField = {
  /** The response name: the alias, or else the field's name. */
  name: string;
  nodes: readonly [FieldNode, ...FieldNode[]];
  parentType: GraphQLObjectType;
  definition: GraphQLField<unknown, unknown>;
  resolve: GraphQLFieldResolver<unknown, unknown>;
  /** The arguments, if they are the same in each execution; undefined where they have to be read each time. */
  args: Record<string, unknown> | undefined;
  isNonNull: boolean;
  complete: CompleteValue;
  /** The fields selected below, by the type of the object. Filled as executions meet the types. */
  below: Map<GraphQLObjectType, PlannedFields>;
};

/** The fields of one object of the result, in order. `createObject` makes the object that holds them. */
export type PlannedFields = { fields: readonly PlannedField[]; createObject: () => Record<string, unknown> };

/** GraphQL's CompleteValue: turns a resolved value into what the result holds, or a promise of it. Throws for a wrong value. */
export type CompleteValue = (
  execution: FieldExecution,
  field: PlannedField,
  info: GraphQLResolveInfo,
  path: Path,
  value: unknown,
) => unknown;

/** What completing a value needs of the execution. */
export interface FieldExecution {
  readonly schema: GraphQLSchema;
  readonly contextValue: unknown;
  /** Resolves the fields selected below `field`, for `source` of that type. */
  resolveBelow(field: PlannedField, type: GraphQLObjectType, source: unknown, path: Path): unknown;
  /** Records the error at `path` and returns null for the field; throws the located error where null is not allowed. */
  fail(field: PlannedField, isNonNull: boolean, path: Path, error: unknown): null;
}

export const isPromise = (value: unknown): value is Promise<unknown> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
