/** How a value becomes what the answer holds: GraphQL's CompleteValue, decided once for each type. */
import {
  defaultTypeResolver,
  type GraphQLAbstractType,
  GraphQLError,
  type GraphQLLeafType,
  type GraphQLNullableType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { inspect } from 'graphql/jsutils/inspect.js';
import { type AskedField, type Complete, type FieldRun, isPromise } from './field.ts';

const known = new WeakMap<GraphQLOutputType, Complete>();

export function completeOf(type: GraphQLOutputType): Complete {
  const before = known.get(type);
  if (before !== undefined) return before;
  const complete = isNonNullType(type) ? nonNull(completeOf(type.ofType as GraphQLOutputType)) : nullable(type);
  known.set(type, complete);
  return complete;
}

const nonNull =
  (complete: Complete): Complete =>
  (run, field, info, path, value) => {
    const completed = complete(run, field, info, path, value);
    if (completed !== null) return completed;
    throw new Error(`Cannot return null for non-nullable field ${nameOf(info)}.`);
  };

function nullable(type: GraphQLNullableType): Complete {
  const complete = completePresent(type as GraphQLOutputType);
  return (run, field, info, path, value) => {
    if (value instanceof Error) throw value;
    return value === null || value === undefined ? null : complete(run, field, info, path, value);
  };
}

function completePresent(type: GraphQLOutputType): Complete {
  if (isListType(type)) return completeList(type.ofType);
  if (isLeafType(type)) return (_run, _field, _info, _path, value) => completeLeaf(type, value);
  if (isAbstractType(type)) return completeAbstract(type);
  if (isObjectType(type)) return (...all) => completeObject(type, ...all);
  throw new TypeError(`No value is of the type ${inspect(type)}.`);
}

function completeList(itemType: GraphQLOutputType): Complete {
  const isNonNull = isNonNullType(itemType);
  const complete = completeOf(itemType);
  return (run, field, info, path, value) => {
    if (!isIterable(value)) {
      throw new GraphQLError(`Expected Iterable, but did not find one for field "${nameOf(info)}".`);
    }
    const items: unknown[] = [];
    let hasPromise = false;
    try {
      for (const item of value) {
        const itemPath = { prev: path, key: items.length, typename: undefined };
        const completed = completeItem(complete, isNonNull, run, field, info, itemPath, item);
        items.push(completed);
        if (isPromise(completed)) hasPromise = true;
      }
    } catch (error) {
      // graphql-js leaves them alone, and one that fails then is the end of the process.
      if (hasPromise) void Promise.allSettled(items);
      throw error;
    }
    return hasPromise ? Promise.all(items) : items;
  };
}

function completeItem(
  complete: Complete,
  isNonNull: boolean,
  ...[run, field, info, path, item]: Parameters<Complete>
): unknown {
  try {
    const completed = isPromise(item)
      ? item.then((resolved) => complete(run, field, info, path, resolved))
      : complete(run, field, info, path, item);
    if (!isPromise(completed)) return completed;
    return completed.then(undefined, (error: unknown) => run.fail(field, isNonNull, path, error));
  } catch (error) {
    return run.fail(field, isNonNull, path, error);
  }
}

function completeLeaf(type: GraphQLLeafType, value: unknown): unknown {
  const serialized = type.serialize(value);
  if (serialized !== null && serialized !== undefined) return serialized;
  throw new Error(
    `Expected \`${inspect(type)}.serialize(${inspect(value)})\` to return non-nullable value, returned: ${inspect(serialized)}`,
  );
}

function completeAbstract(type: GraphQLAbstractType): Complete {
  const resolveType = type.resolveType ?? defaultTypeResolver;
  return (run, field, info, path, value) => {
    const name: unknown = resolveType(value, run.contextValue, info, type);
    return isPromise(name)
      ? name.then((resolved) =>
          completeObject(objectTypeOf(resolved, type, run, field, info, value), run, field, info, path, value),
        )
      : completeObject(objectTypeOf(name, type, run, field, info, value), run, field, info, path, value);
  };
}

function completeObject(type: GraphQLObjectType, ...[run, field, info, path, value]: Parameters<Complete>): unknown {
  if (!type.isTypeOf) return run.resolveBelow(field, type, value, path);
  const isOfType = type.isTypeOf(value, run.contextValue, info);
  if (!isPromise(isOfType)) {
    if (!isOfType) throw notOf(type, value, field);
    return run.resolveBelow(field, type, value, path);
  }
  return isOfType.then((resolved) => {
    if (!resolved) throw notOf(type, value, field);
    return run.resolveBelow(field, type, value, path);
  });
}

/** The type that a union or an interface says a value is of. Throws when there is no such type, or it is none of its own. */
function objectTypeOf(
  name: unknown,
  type: GraphQLAbstractType,
  { schema }: FieldRun,
  { nodes }: AskedField,
  info: GraphQLResolveInfo,
  value: unknown,
): GraphQLObjectType {
  if (name === null || name === undefined) {
    throw new GraphQLError(
      `Abstract type "${type.name}" must resolve to an Object type at runtime for field "${nameOf(info)}". Either the "${type.name}" type should provide a "resolveType" function or each possible type should provide an "isTypeOf" function.`,
      { nodes },
    );
  }
  if (isObjectType(name)) {
    throw new GraphQLError(
      'Support for returning GraphQLObjectType from resolveType was removed in graphql-js@16.0.0 please return type name instead.',
    );
  }
  if (typeof name !== 'string') {
    throw new GraphQLError(
      `Abstract type "${type.name}" must resolve to an Object type at runtime for field "${nameOf(info)}" with value ${inspect(value)}, received "${inspect(name)}".`,
    );
  }
  const found = schema.getType(name);
  if (found === undefined) {
    throw new GraphQLError(
      `Abstract type "${type.name}" was resolved to a type "${name}" that does not exist inside the schema.`,
      { nodes },
    );
  }
  if (!isObjectType(found)) {
    throw new GraphQLError(`Abstract type "${type.name}" was resolved to a non-object type "${name}".`, { nodes });
  }
  if (!schema.isSubType(type, found)) {
    throw new GraphQLError(`Runtime Object type "${name}" is not a possible type for "${type.name}".`, { nodes });
  }
  return found;
}

const notOf = (type: GraphQLObjectType, value: unknown, { nodes }: AskedField) =>
  new GraphQLError(`Expected value of type "${type.name}" but got: ${inspect(value)}.`, { nodes });

const nameOf = ({ parentType, fieldName }: GraphQLResolveInfo) => `${parentType.name}.${fieldName}`;

const isIterable = (value: unknown): value is Iterable<unknown> =>
  typeof value === 'object' && typeof (value as Partial<Iterable<unknown>> | null)?.[Symbol.iterator] === 'function';
