/** A schema whose resolvers do whatever a resolver can do: return, resolve, throw, reject, and return values of the wrong type. */
import {
  GraphQLBoolean,
  GraphQLEnumType,
  GraphQLError,
  type GraphQLFieldConfigMap,
  GraphQLID,
  GraphQLInputObjectType,
  GraphQLInt,
  GraphQLInterfaceType,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  GraphQLScalarType,
  GraphQLSchema,
  GraphQLString,
  GraphQLUnionType,
  getNamedType,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  responsePathAsArray,
} from 'graphql';

/** A field's behaviour depends on `seed` and on its path and arguments alone. Each call of a resolver is recorded. */
export type WildContext = { seed: number; resolverCalls: string[] };

const Fussy = new GraphQLScalarType({
  name: 'Fussy',
  serialize(value) {
    if (value === 'throw') throw new GraphQLError('Not that.', { extensions: { code: 'FUSSY' } });
    return value === 'nothing' ? undefined : `«${String(value)}»`;
  },
  parseValue(value) {
    if (value === 'throw') throw new GraphQLError('Not taken.');
    return value;
  },
});
const Size = new GraphQLEnumType({ name: 'Size', values: { SMALL: { value: 1 }, LARGE: { value: 2 } } });
const Wish = new GraphQLInputObjectType({
  name: 'Wish',
  fields: {
    size: { type: Size, defaultValue: 2 },
    names: { type: new GraphQLList(new GraphQLNonNull(GraphQLString)) },
    count: { type: new GraphQLNonNull(GraphQLInt) },
  },
});

/** Returns a number from 0 to below `count`, the same each time for the same place and seed. */
function hashOf(place: string, seed: number, count: number): number {
  let hash = seed | 0;
  for (const letter of place) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193) ^ (hash >>> 15);
  return (hash >>> 0) % count;
}

function value(type: GraphQLOutputType, place: string, seed: number): unknown {
  const chance = hashOf(`${place}?`, seed, 24);
  if (chance === 0) return null;
  if (chance === 1) return undefined;
  if (chance === 2) return new Error(`returned at ${place}`);
  if (chance === 3) return rejected(place);
  if (chance === 4) return Promise.resolve(hashOf(place, seed, 2) === 0 ? null : new Error(`resolved at ${place}`));
  const returned = present(type, place, seed);
  return chance < 10 ? Promise.resolve(returned) : returned;
}

/**
 * Makes all items of a list of non-null items promises, or none. If one item fails at once, graphql-js does not await the
 * promises of the others, and their rejections would fail the test.
 */
const allOrNoPromises = (items: unknown[], type: GraphQLOutputType): unknown[] =>
  isLeafType(getNamedType(type))
    ? items.map((item) => (item instanceof Promise ? null : item))
    : items.map((item) => Promise.resolve(item));

/** A rejected promise that does not end the process if the executor never awaits it. */
function rejected(place: string): Promise<never> {
  const promise = Promise.reject(new Error(`rejected at ${place}`));
  promise.catch(() => undefined);
  return promise;
}

function present(type: GraphQLOutputType, place: string, seed: number): unknown {
  if (isNonNullType(type)) return present(type.ofType as GraphQLOutputType, place, seed);
  if (isListType(type)) {
    const values = Array.from({ length: hashOf(place, seed, 4) }, (_, n) => value(type.ofType, `${place}.${n}`, seed));
    const items = isNonNullType(type.ofType) ? allOrNoPromises(values, type.ofType) : values;
    const shape = hashOf(`${place}[]`, seed, 12);
    if (shape > 1) return items;
    return shape === 0 ? new Set(items) : items.length;
  }
  if (isObjectType(type)) return { kind: type.name, seed: hashOf(place, seed, 1000) };
  if (isAbstractType(type)) {
    const kinds = ['Cat', 'Dog', 'Fish', 'Cat', 'Dog', 'Fish', 'Cat', 'Nobody', 'Query', 'Size', 7, undefined];
    return { kind: kinds[hashOf(`${place}~`, seed, kinds.length)], seed: hashOf(place, seed, 1000) };
  }
  const leaves = ['throw', 'nothing', 0, 1, 2, true, 1.5, 2 ** 40, 'text', {}, ['a']];
  return leaves[hashOf(place, seed, leaves.length)];
}

/** Records how it was called, so that a test sees when two executors call it differently. */
function resolve(
  source: unknown,
  args: object,
  { seed, resolverCalls }: WildContext,
  info: GraphQLResolveInfo,
): unknown {
  const place = responsePathAsArray(info.path).join('.');
  const under = `${place}${JSON.stringify(args)}`;
  const { parentType, fieldName, fieldNodes, variableValues, operation, path, rootValue } = info;
  const names = [parentType.name, fieldName, path.typename, operation.name?.value, Object.keys(info.fragments).sort()];
  resolverCalls.push(
    JSON.stringify([under, names, fieldNodes.length, variableValues, source, rootValue, String(info.returnType)]),
  );
  if (hashOf(`${under}!`, seed, 20) === 0) throw new Error(`thrown at ${under}`);
  return value(info.returnType, under, seed);
}

type Fields = GraphQLFieldConfigMap<unknown, WildContext>;
const fieldOf = (type: GraphQLOutputType, args: NonNullable<Fields[string]['args']> = {}): Fields[string] => ({
  type,
  args,
  resolve,
});

const shared = (): Fields => ({
  name: fieldOf(GraphQLString),
  age: fieldOf(new GraphQLNonNull(GraphQLInt)),
  size: fieldOf(Size),
  fussy: fieldOf(Fussy, { like: { type: Fussy } }),
  friend: fieldOf(Animal),
  friends: fieldOf(new GraphQLList(new GraphQLNonNull(Animal))),
});
const Animal: GraphQLInterfaceType = new GraphQLInterfaceType({
  name: 'Animal',
  fields: shared,
  resolveType: (given: { kind: string; seed: number }) =>
    given.seed % 5 === 0 ? Promise.resolve(given.kind) : given.kind,
});
const Cat: GraphQLObjectType = new GraphQLObjectType<unknown, WildContext>({
  name: 'Cat',
  interfaces: [Animal],
  isTypeOf: (given) => (given as { kind: string }).kind === 'Cat',
  fields: () => ({ ...shared(), kittens: fieldOf(new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(Cat)))) }),
});
const Dog: GraphQLObjectType = new GraphQLObjectType<unknown, WildContext>({
  name: 'Dog',
  interfaces: [Animal],
  isTypeOf: (given) => Promise.resolve((given as { kind: string; seed: number }).kind === 'Dog'),
  fields: () => ({
    ...shared(),
    barks: fieldOf(new GraphQLNonNull(GraphQLBoolean)),
    home: fieldOf(new GraphQLNonNull(Home)),
  }),
});
/** Implements no interface. */
const Fish: GraphQLObjectType = new GraphQLObjectType<unknown, WildContext>({
  name: 'Fish',
  isTypeOf: (given) => (given as { kind: string }).kind === 'Fish',
  fields: () => ({
    name: fieldOf(GraphQLString),
    fins: fieldOf(new GraphQLList(new GraphQLNonNull(GraphQLInt))),
    depths: fieldOf(new GraphQLList(new GraphQLList(GraphQLInt))),
  }),
});
/** Has no `resolveType`: graphql-js calls each type's `isTypeOf`. */
const Pet = new GraphQLUnionType({ name: 'Pet', types: [Dog, Cat, Fish] });
const Home: GraphQLObjectType = new GraphQLObjectType<unknown, WildContext>({
  name: 'Home',
  fields: () => ({
    kind: { type: GraphQLString },
    seed: { type: new GraphQLNonNull(GraphQLID) },
    pet: fieldOf(Pet),
    pets: fieldOf(new GraphQLNonNull(new GraphQLList(Pet))),
    animals: fieldOf(new GraphQLList(Animal)),
    rooms: fieldOf(new GraphQLNonNull(GraphQLInt), {
      size: { type: Size, defaultValue: 1 },
      least: { type: new GraphQLNonNull(GraphQLInt) },
    }),
    wished: fieldOf(GraphQLString, { wish: { type: Wish }, wishes: { type: new GraphQLList(Wish) } }),
  }),
});
const Query = new GraphQLObjectType<unknown, WildContext>({
  name: 'Query',
  fields: {
    home: fieldOf(Home),
    homes: fieldOf(new GraphQLList(Home)),
    must: fieldOf(new GraphQLNonNull(Home)),
    pet: fieldOf(Pet),
  },
});

/** The event is the root value. `kind` and `seed` have no resolver: graphql-js's default one reads them from the event. */
const Subscription = new GraphQLObjectType<unknown, WildContext>({
  name: 'Subscription',
  fields: {
    kind: { type: GraphQLString },
    seed: { type: new GraphQLNonNull(GraphQLInt) },
    pet: fieldOf(Pet),
    animal: fieldOf(new GraphQLNonNull(Animal)),
    homes: fieldOf(new GraphQLList(Home), { size: { type: Size, defaultValue: 1 } }),
  },
});

export const wildSchema = new GraphQLSchema({ query: Query, subscription: Subscription, types: [Cat, Dog, Fish] });
