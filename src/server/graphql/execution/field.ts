/** A field that is asked for, with all that is known of it before it is resolved. */
import type {
  FieldNode,
  GraphQLField,
  GraphQLFieldResolver,
  GraphQLObjectType,
  GraphQLResolveInfo,
  GraphQLSchema,
} from 'graphql';
import type { Path } from 'graphql/jsutils/Path.js';

export type AskedField = {
  /** In the answer. */
  name: string;
  nodes: readonly [FieldNode, ...FieldNode[]];
  parentType: GraphQLObjectType;
  definition: GraphQLField<unknown, unknown>;
  resolve: GraphQLFieldResolver<unknown, unknown>;
  /** Those that no variable has a say in; undefined when they are to be read anew each time. */
  args: Record<string, unknown> | undefined;
  isNonNull: boolean;
  complete: Complete;
  /** By the type of the object that it resolves to, for as far as they were needed yet. */
  below: Map<GraphQLObjectType, AskedFields>;
};

/** `make` makes the object of the answer that they are put in, in this order. */
export type AskedFields = { fields: readonly AskedField[]; make: () => Record<string, unknown> };

/** Gives what the answer holds for a value that was resolved, or a promise of it. Throws what is wrong with the value. */
export type Complete = (
  run: FieldRun,
  field: AskedField,
  info: GraphQLResolveInfo,
  path: Path,
  value: unknown,
) => unknown;

/** The execution that a value is completed in. */
export interface FieldRun {
  readonly schema: GraphQLSchema;
  readonly contextValue: unknown;
  /** The fields of an object of that type. */
  resolveBelow(field: AskedField, type: GraphQLObjectType, source: unknown, path: Path): unknown;
  /** Null for what went wrong at that place; throws it, located, where there may be no null. */
  fail(field: AskedField, isNonNull: boolean, path: Path, error: unknown): null;
}

export const isPromise = (value: unknown): value is Promise<unknown> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
