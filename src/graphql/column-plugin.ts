/**
 * Pothos asks before each field of each row whether what loaded the row did so for that field, and makes a promise of each
 * global id: most of what a page costs. A query's field that is made of columns alone, and whose row has them, is resolved
 * at once. Who may read it was asked before, by ScopeAuth; a row without them, and whatever a mutation or an event gives,
 * which may be of before the last change, is left to Pothos.
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
      beneathPrisma: BeneathPrismaPlugin<Types>;
    }
  }
}

/** The resolvers of fields, as the Prisma plugin is given them. */
const beneath = new WeakMap<object, Resolver>();

/** To be named right behind the Prisma plugin. */
class BeneathPrismaPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(resolver: Resolver, field: PothosOutputFieldConfig<Types>): Resolver {
    beneath.set(field, resolver);
    return resolver;
  }
}

/** To be named right before it. */
class ColumnsPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(resolver: Resolver, field: PothosOutputFieldConfig<Types>): Resolver {
    if (isGlobalId(field, this.buildCache.getTypeConfig(field.parentType).extensions)) {
      return globalIdOf(field.parentType, resolver);
    }
    const columns = this.#isOfRow(field) ? undefined : columnsOf(field);
    const resolve = beneath.get(field);
    return columns === undefined || resolve === undefined ? resolver : fromColumns(columns, resolve, resolver);
  }

  /** Whether what it gives is a row again, and Pothos is to know how that came. */
  #isOfRow({ type }: PothosOutputFieldConfig<Types>): boolean {
    const item = type.kind === 'List' ? type.type : type;
    if (item.kind === 'Scalar' || item.kind === 'Enum') return false;
    return item.kind !== 'Object' || isOfModel(this.buildCache.getTypeConfig(item.ref).extensions);
  }
}

SchemaBuilder.registerPlugin('columns', ColumnsPlugin);
SchemaBuilder.registerPlugin('beneathPrisma', BeneathPrismaPlugin);

const fromColumns =
  (columns: readonly string[], resolve: Resolver, otherwise: Resolver): Resolver =>
  (row, args, context, info) => {
    if (info.operation.operation !== OperationTypeNode.QUERY) return otherwise(row, args, context, info);
    for (const column of columns) {
      if ((row as Row)[column] === undefined) return otherwise(row, args, context, info);
    }
    return resolve(row, args, context, info);
  };

const globalIdOf =
  (typeName: string, otherwise: Resolver): Resolver =>
  (row, args, context, info) => {
    const { id } = row as Row;
    return typeof id === 'string' ? encodeGlobalID(typeName, id) : otherwise(row, args, context, info);
  };

/** Those that a field is made of; undefined for one that is made of more. */
function columnsOf<Types extends SchemaTypes>({ kind, extensions }: PothosOutputFieldConfig<Types>) {
  const select: unknown = extensions?.['pothosPrismaSelect'];
  if (kind !== 'PrismaObject') return undefined;
  if (typeof select !== 'object' || select === null) return undefined;
  return Object.values(select).every((selected) => selected === true) ? Object.keys(select) : undefined;
}

/** Of a node, as the Relay plugin adds it; the ids of all of ours are made of the column `id`. */
const isGlobalId = <Types extends SchemaTypes>({ name }: PothosOutputFieldConfig<Types>, ofType: object | null = {}) =>
  name === 'id' && isOfModel(ofType) && 'pothosParseGlobalID' in ofType;

/** By what the Prisma plugin says of a type, which it has nothing to say of when it is another's. */
const isOfModel = (ofType: object | null = {}): ofType is object =>
  ofType !== null && 'pothosPrismaModel' in ofType && ofType.pothosPrismaModel !== undefined;
