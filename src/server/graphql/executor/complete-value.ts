/** GraphQL's CompleteValue, as one function per output type that is composed once. */
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
import { type CompleteValue, type FieldExecution, isPromise, type PlannedField } from './planned-field.ts';

const known = new WeakMap<GraphQLOutputType, CompleteValue>();

export function completeValueOf(type: GraphQLOutputType): CompleteValue {
  const before = known.get(type);
  if (before !== undefined) return before;
  const complete = isNonNullType(type) ? nonNull(completeValueOf(type.ofType as GraphQLOutputType)) : nullable(type);
  known.set(type, complete);
  return complete;
}

const nonNull =
  (complete: CompleteValue): CompleteValue =>
  (execution, field, info, path, value) => {
    const completed = complete(execution, field, info, path, value);
    if (completed !== null) return completed;
    throw new Error(`Cannot return null for non-nullable field ${coordinateOf(info)}.`);
  };

function nullable(type: GraphQLNullableType): CompleteValue {
  const complete = completePresent(type as GraphQLOutputType);
  return (execution, field, info, path, value) => {
    if (value instanceof Error) throw value;
    return value === null || value === undefined ? null : complete(execution, field, info, path, value);
  };
}

function completePresent(type: GraphQLOutputType): CompleteValue {
  if (isListType(type)) return completeList(type.ofType);
  if (isLeafType(type)) return (_execution, _field, _info, _path, value) => completeLeaf(type, value);
  if (isAbstractType(type)) return completeAbstract(type);
  if (isObjectType(type)) return (...all) => completeObject(type, ...all);
  throw new TypeError(`No value is of the type ${inspect(type)}.`);
}

function completeList(itemType: GraphQLOutputType): CompleteValue {
  const isNonNull = isNonNullType(itemType);
  const complete = completeValueOf(itemType);
  return (execution, field, info, path, value) => {
    if (!isIterable(value)) {
      throw new GraphQLError(`Expected Iterable, but did not find one for field "${coordinateOf(info)}".`);
    }
    const items: unknown[] = [];
    let hasPromise = false;
    try {
      for (const item of value) {
        const itemPath = { prev: path, key: items.length, typename: undefined };
        const completed = completeItem(complete, isNonNull, execution, field, info, itemPath, item);
        items.push(completed);
        if (isPromise(completed)) hasPromise = true;
      }
    } catch (error) {
      // graphql-js does not await the other items; a later rejection would then end the process.
      if (hasPromise) void Promise.allSettled(items);
      throw error;
    }
    return hasPromise ? Promise.all(items) : items;
  };
}

function completeItem(
  complete: CompleteValue,
  isNonNull: boolean,
  ...[execution, field, info, path, item]: Parameters<CompleteValue>
): unknown {
  try {
    const completed = isPromise(item)
      ? item.then((resolved) => complete(execution, field, info, path, resolved))
      : complete(execution, field, info, path, item);
    if (!isPromise(completed)) return completed;
    return completed.then(undefined, (error: unknown) => execution.fail(field, isNonNull, path, error));
  } catch (error) {
    return execution.fail(field, isNonNull, path, error);
  }
}

function completeLeaf(type: GraphQLLeafType, value: unknown): unknown {
  const serialized = type.serialize(value);
  if (serialized !== null && serialized !== undefined) return serialized;
  throw new Error(
    `Expected \`${inspect(type)}.serialize(${inspect(value)})\` to return non-nullable value, returned: ${inspect(serialized)}`,
  );
}

function completeAbstract(type: GraphQLAbstractType): CompleteValue {
  const resolveType = type.resolveType ?? defaultTypeResolver;
  return (execution, field, info, path, value) => {
    const name: unknown = resolveType(value, execution.contextValue, info, type);
    return isPromise(name)
      ? name.then((resolved) =>
          completeObject(
            objectTypeOf(resolved, type, execution, field, info, value),
            execution,
            field,
            info,
            path,
            value,
          ),
        )
      : completeObject(objectTypeOf(name, type, execution, field, info, value), execution, field, info, path, value);
  };
}

function completeObject(
  type: GraphQLObjectType,
  ...[execution, field, info, path, value]: Parameters<CompleteValue>
): unknown {
  if (!type.isTypeOf) return execution.resolveBelow(field, type, value, path);
  const isOfType = type.isTypeOf(value, execution.contextValue, info);
  if (!isPromise(isOfType)) {
    if (!isOfType) throw wrongType(type, value, field);
    return execution.resolveBelow(field, type, value, path);
  }
  return isOfType.then((resolved) => {
    if (!resolved) throw wrongType(type, value, field);
    return execution.resolveBelow(field, type, value, path);
  });
}

/** The object type that `resolveType` named. Throws graphql-js's errors if it is missing or not a possible type. */
function objectTypeOf(
  name: unknown,
  type: GraphQLAbstractType,
  { schema }: FieldExecution,
  { nodes }: PlannedField,
  info: GraphQLResolveInfo,
  value: unknown,
): GraphQLObjectType {
  if (name === null || name === undefined) {
    throw new GraphQLError(
      `Abstract type "${type.name}" must resolve to an Object type at runtime for field "${coordinateOf(info)}". Either the "${type.name}" type should provide a "resolveType" function or each possible type should provide an "isTypeOf" function.`,
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
      `Abstract type "${type.name}" must resolve to an Object type at runtime for field "${coordinateOf(info)}" with value ${inspect(value)}, received "${inspect(name)}".`,
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

const wrongType = (type: GraphQLObjectType, value: unknown, { nodes }: PlannedField) =>
  new GraphQLError(`Expected value of type "${type.name}" but got: ${inspect(value)}.`, { nodes });

const coordinateOf = ({ parentType, fieldName }: GraphQLResolveInfo) => `${parentType.name}.${fieldName}`;

const isIterable = (value: unknown): value is Iterable<unknown> =>
  typeof value === 'object' && typeof (value as Partial<Iterable<unknown>> | null)?.[Symbol.iterator] === 'function';
