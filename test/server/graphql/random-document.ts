/** Builds random queries and subscriptions of a schema from numbers, with aliases, fragments, directives and variables. */
import {
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedOutputType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
} from 'graphql';

export type RandomDocument = { text: string; variableValues: Record<string, unknown> };

type Writing = {
  schema: GraphQLSchema;
  /** Returns a number from 0 to below `count`. */
  choose: (count: number) => number;
  /** The values of arguments of type ID. */
  ids: readonly string[];
  fragments: string[];
  variables: Map<string, { declared: string; value: unknown }>;
  /** How many more selections the document may have. */
  left: number;
  names: number;
};

export function randomQuery(schema: GraphQLSchema, numbers: readonly number[], ids: readonly string[]): RandomDocument {
  const root = schema.getQueryType();
  if (!root) throw new Error('The schema has no queries.');
  const writing = startWriting(schema, numbers, ids);
  return finish('query', selectionOf(root, writing, 0), writing);
}

/** A subscription has one field at its root, in a fragment or not. `fieldName` is the field's. */
export function randomSubscription(
  schema: GraphQLSchema,
  numbers: readonly number[],
  ids: readonly string[],
): RandomDocument & { fieldName: string } {
  const root = schema.getSubscriptionType();
  if (!root) throw new Error('The schema has no subscriptions.');
  const writing = startWriting(schema, numbers, ids);
  const fields = Object.values(root.getFields());
  const field = fields[writing.choose(fields.length)] as GraphQLField<unknown, unknown>;
  const how = writing.choose(4);
  let selection = `{ ${fieldOf(field, writing, 0, '')} }`;
  if (how === 0) selection = `{ ... on ${root.name} ${selection} }`;
  if (how === 1) {
    writing.fragments.push(`fragment Root on ${root.name} ${selection}`);
    selection = '{ ...Root }';
  }
  return { ...finish('subscription', selection, writing), fieldName: field.name };
}

function startWriting(schema: GraphQLSchema, numbers: readonly number[], ids: readonly string[]): Writing {
  let next = 0;
  const choose = (count: number) => (numbers[next++ % numbers.length] ?? 0) % count;
  return { schema, choose, ids, fragments: [], variables: new Map(), left: 60, names: 0 };
}

function finish(operation: 'query' | 'subscription', selection: string, writing: Writing): RandomDocument {
  const declared = [...writing.variables.values()].map(({ declared }) => declared);
  const head = declared.length > 0 ? `${operation} Random(${declared.join(', ')})` : `${operation} Random`;
  const sent = [...writing.variables].filter(([, { value }]) => value !== undefined);
  return {
    text: [`${head} ${selection}`, ...writing.fragments].join('\n'),
    variableValues: Object.fromEntries(sent.map(([name, { value }]) => [name, value])),
  };
}

function selectionOf(type: GraphQLNamedOutputType, writing: Writing, depth: number): string {
  const { choose } = writing;
  const parts = Array.from({ length: 1 + choose(5) }, () => partOf(type, writing, depth));
  return `{ ${parts.join(' ')} }`;
}

function partOf(type: GraphQLNamedOutputType, writing: Writing, depth: number): string {
  const { choose } = writing;
  const fields =
    isAbstractType(type) && !('getFields' in type)
      ? []
      : (Object.values((type as { getFields(): object }).getFields()) as GraphQLField<unknown, unknown>[]);
  writing.left -= 1;
  const how = writing.left < 0 ? 9 : choose(10);
  if (how === 0) return `... ${directive(writing)} ${selectionOf(type, writing, depth + 1)}`;
  if (how <= 2 || (fields.length === 0 && how < 8)) return inFragment(type, writing, depth);
  const usable = fields.filter(
    (field) => (depth < 6 && writing.left > 0) || !isCompositeType(getNamedType(field.type)),
  );
  const field = usable[choose(Math.max(usable.length, 1))];
  if (field === undefined || how === 9) return `${choose(8) === 0 ? '__proto__: ' : ''}__typename`;
  return fieldOf(field, writing, depth, directive(writing));
}

function fieldOf(field: GraphQLField<unknown, unknown>, writing: Writing, depth: number, directives: string): string {
  const named = getNamedType(field.type);
  const below = isCompositeType(named) ? selectionOf(named, writing, depth + 1) : '';
  const args = argumentsOf(field, writing);
  return `${alias(field.name, args, writing)}${field.name}${args} ${directives} ${below}`;
}

/** A fragment on the type itself, one of its object types or one of its interfaces; inline or named. */
function inFragment(type: GraphQLNamedOutputType, writing: Writing, depth: number): string {
  const { choose, schema } = writing;
  const objects = isAbstractType(type) ? schema.getPossibleTypes(type) : [];
  const around = isObjectType(type) ? type.getInterfaces() : [];
  const types = [type, ...objects, ...around];
  const on = types[choose(types.length)] ?? type;
  const selection = selectionOf(on, writing, depth + 1);
  if (choose(2) === 0) return `... on ${on.name} ${directive(writing)} ${selection}`;
  const name = `F${writing.fragments.length}`;
  writing.fragments.push(`fragment ${name} on ${on.name} ${selection}`);
  return `...${name} ${directive(writing)} ${choose(3) === 0 ? `...${name}` : ''}`;
}

/** Fields with arguments get names of their own, because fields of one name must be the same field with the same arguments. */
function alias(field: string, args: string, writing: Writing): string {
  writing.names += 1;
  if (args !== '') return `${field}${writing.names}: `;
  return writing.choose(4) === 0 ? `other_${field}: ` : '';
}

function directive(writing: Writing): string {
  const { choose, variables } = writing;
  const name = ['skip', 'include'][choose(2)];
  const how = choose(12);
  if (how === 0) return `@${name}(if: ${choose(2) === 0})`;
  if (how === 1) return `@skip(if: ${choose(2) === 0}) @include(if: ${choose(2) === 0})`;
  if (how > 3) return '';
  const variable = `b${variables.size}`;
  const isGiven = how === 2;
  const declared = isGiven ? `$${variable}: Boolean!` : `$${variable}: Boolean! = ${choose(2) === 0}`;
  variables.set(variable, { declared, value: isGiven ? choose(2) === 0 : undefined });
  return `@${name}(if: $${variable})`;
}

function argumentsOf({ args }: GraphQLField<unknown, unknown>, writing: Writing): string {
  const { choose, variables } = writing;
  const written = args
    .filter((argument) => isRequiredArgument(argument) || choose(3) === 0)
    .map(({ name, type }) => {
      const value = valueOf(type, writing);
      if (choose(2) === 0 || isInputObjectType(getNamedType(type))) return `${name}: ${literal(value)}`;
      const variable = `v${variables.size}`;
      const how = choose(3);
      // Leaves a variable without a value, where the argument may be absent.
      const isGiven = how > 0 || isNonNullType(type);
      const byDefault = how === 1 && value !== null ? ` = ${literal(value)}` : '';
      variables.set(variable, {
        declared: `$${variable}: ${String(type)}${byDefault}`,
        value: isGiven && byDefault === '' ? plain(value) : undefined,
      });
      return `${name}: $${variable}`;
    });
  return written.length > 0 ? `(${written.join(', ')})` : '';
}

/** An enum value, which a document writes without quotes and variables send as a string. */
class EnumName {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

function valueOf(type: GraphQLInputType, writing: Writing): unknown {
  const { choose, ids } = writing;
  if (isNonNullType(type)) return valueOf(type.ofType, writing);
  if (isListType(type)) return Array.from({ length: choose(3) }, () => valueOf(type.ofType, writing));
  if (isEnumType(type)) return new EnumName(type.getValues()[choose(type.getValues().length)]?.name ?? '');
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields()).filter((field) => isRequiredInputField(field) || choose(2) === 0);
    return Object.fromEntries(fields.map((field) => [field.name, valueOf(field.type, writing)]));
  }
  if (type.name === 'Int') return choose(8) - 1;
  if (type.name === 'Float') return choose(8) / 2;
  if (type.name === 'Boolean') return choose(2) === 0;
  if (type.name === 'ID') return ids[choose(ids.length)] ?? 'none';
  return ['', 'a', 'throw', '2026-01-01T00:00:00Z'][choose(4)];
}

function literal(value: unknown): string {
  if (value instanceof EnumName) return value.name;
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    return `{ ${Object.entries(value)
      .map(([name, each]) => `${name}: ${literal(each)}`)
      .join(', ')} }`;
  }
  return JSON.stringify(value) ?? 'null';
}

function plain(value: unknown): unknown {
  if (value instanceof EnumName) return value.name;
  return Array.isArray(value) ? value.map(plain) : value;
}
