/**
 * A Pothos plugin that resolves plain columns and global ids without the Prisma plugin's checks.
 *
 * The Prisma plugin wraps every field: for each field of each row it checks whether the query that loaded the row selected
 * what the field needs, and it makes a promise for each global id. That is most of the cost of a page of rows. This plugin
 * skips the check for a field that is computed from columns alone when the row has those columns.
 *
 * It changes no answer. ScopeAuth has checked access before. A row without the columns takes the wrapped resolver, and so
 * does everything in a mutation or a subscription, where a row may be older than the last change and has to be read again.
 *
 * It is two plugins, because it needs the resolvers of both sides of the Prisma plugin. Pothos wraps resolvers from the
 * last plugin in the list to the first: `unwrappedResolvers` sees a field before the Prisma plugin wraps it, and `columns`
 * sees it after.
 */
import SchemaBuilder, { BasePlugin, type PothosOutputFieldConfig, type SchemaTypes } from '@pothos/core';
import { encodeGlobalID } from '@pothos/plugin-relay';
import { type GraphQLFieldResolver, OperationTypeNode } from 'graphql';

type Resolver = GraphQLFieldResolver<unknown, object>;
type Row = Record<string, unknown>;

declare global {
  export namespace PothosSchemaTypes {
    interface Plugins<Types extends SchemaTypes> {
      columns: ColumnsPlugin<Types>;
      unwrappedResolvers: UnwrappedResolversPlugin<Types>;
    }
  }
}

/** Each field's resolver before the Prisma plugin wraps it. */
const unwrapped = new WeakMap<object, Resolver>();

class UnwrappedResolversPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(resolver: Resolver, field: PothosOutputFieldConfig<Types>): Resolver {
    unwrapped.set(field, resolver);
    return resolver;
  }
}

class ColumnsPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(wrapped: Resolver, field: PothosOutputFieldConfig<Types>): Resolver {
    if (isGlobalId(field, this.buildCache.getTypeConfig(field.parentType).extensions)) {
      return globalIdResolver(field.parentType, wrapped);
    }
    const columns = this.#returnsRows(field) ? undefined : columnsOf(field);
    const resolve = unwrapped.get(field);
    return columns === undefined || resolve === undefined ? wrapped : columnResolver(columns, resolve, wrapped);
  }

  /** Whether the field returns rows. The Prisma plugin must then record which query loaded them. */
  #returnsRows({ type }: PothosOutputFieldConfig<Types>): boolean {
    const item = type.kind === 'List' ? type.type : type;
    if (item.kind === 'Scalar' || item.kind === 'Enum') return false;
    return item.kind !== 'Object' || isPrismaType(this.buildCache.getTypeConfig(item.ref).extensions);
  }
}

SchemaBuilder.registerPlugin('columns', ColumnsPlugin);
SchemaBuilder.registerPlugin('unwrappedResolvers', UnwrappedResolversPlugin);

const columnResolver =
  (columns: readonly string[], resolve: Resolver, wrapped: Resolver): Resolver =>
  (row, args, context, info) => {
    if (info.operation.operation !== OperationTypeNode.QUERY) return wrapped(row, args, context, info);
    for (const column of columns) {
      if ((row as Row)[column] === undefined) return wrapped(row, args, context, info);
    }
    return resolve(row, args, context, info);
  };

const globalIdResolver =
  (typeName: string, wrapped: Resolver): Resolver =>
  (row, args, context, info) => {
    const { id } = row as Row;
    return typeof id === 'string' ? encodeGlobalID(typeName, id) : wrapped(row, args, context, info);
  };

/** The columns that the field is computed from. Undefined if it needs more than columns, such as a relation. */
function columnsOf<Types extends SchemaTypes>({ kind, extensions }: PothosOutputFieldConfig<Types>) {
  const select: unknown = extensions?.['pothosPrismaSelect'];
  if (kind !== 'PrismaObject') return undefined;
  if (typeof select !== 'object' || select === null) return undefined;
  return Object.values(select).every((selected) => selected === true) ? Object.keys(select) : undefined;
}

/** Whether the field is the global id that the Relay plugin adds to a node. All of ours encode the column `id`. */
const isGlobalId = <Types extends SchemaTypes>(
  { name }: PothosOutputFieldConfig<Types>,
  typeExtensions: object | null = {},
) => name === 'id' && isPrismaType(typeExtensions) && 'pothosParseGlobalID' in typeExtensions;

/** Whether the Prisma plugin built the type: it then names the model in the type's extensions. */
const isPrismaType = (extensions: object | null = {}): extensions is object =>
  extensions !== null && 'pothosPrismaModel' in extensions && extensions.pothosPrismaModel !== undefined;
