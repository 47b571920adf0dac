/** The fields that an operation selects, by type. Executions fill it in as they meet new types, for the executions after them. */
import {
  defaultFieldResolver,
  type FieldNode,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  getArgumentValues,
  isNonNullType,
  type OperationDefinitionNode,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
  visit,
} from 'graphql';
import { collectFields, type PlanScope } from './collect-fields.ts';
import { completeValueOf } from './complete-value.ts';
import type { PlannedField, PlannedFields } from './planned-field.ts';

export class Plan {
  readonly operation: OperationDefinitionNode;
  readonly scope: PlanScope;
  readonly root: PlannedFields;

  constructor(operation: OperationDefinitionNode, rootType: GraphQLObjectType, scope: PlanScope) {
    this.operation = operation;
    this.scope = scope;
    this.root = this.#fieldsOf(rootType, [operation]);
  }

  /** The fields selected below `field` of an object of that type. */
  below(field: PlannedField, type: GraphQLObjectType): PlannedFields {
    const known = field.below.get(type);
    if (known !== undefined) return known;
    const fields = this.#fieldsOf(type, field.nodes);
    field.below.set(type, fields);
    return fields;
  }

  #fieldsOf(type: GraphQLObjectType, nodes: readonly (FieldNode | OperationDefinitionNode)[]): PlannedFields {
    const sets = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
    const fields: PlannedField[] = [];
    for (const [name, fieldNodes] of collectFields(type, sets, this.scope)) {
      const definition = definitionOf(this.scope.schema, type, fieldNodes[0].name.value);
      if (definition !== undefined) fields.push(planField(name, fieldNodes, type, definition));
    }
    return {
      fields,
      createObject: fields.some(({ name }) => name === '__proto__') ? createBareObject : createPlainObject,
    };
  }
}

// A plain object is faster to fill and to stringify, but cannot hold a field called __proto__.
const createPlainObject = () => ({});
const createBareObject = () => Object.create(null) as Record<string, unknown>;

function planField(
  name: string,
  nodes: PlannedField['nodes'],
  parentType: GraphQLObjectType,
  definition: PlannedField['definition'],
): PlannedField {
  return {
    name,
    nodes,
    parentType,
    definition,
    resolve: definition.resolve ?? defaultFieldResolver,
    args: constantArgumentsOf(definition, nodes[0]),
    isNonNull: isNonNullType(definition.type),
    complete: completeValueOf(definition.type),
    below: new Map(),
  };
}

function definitionOf(
  schema: GraphQLSchema,
  type: GraphQLObjectType,
  name: string,
): GraphQLField<unknown, unknown> | undefined {
  const isRoot = schema.getQueryType() === type;
  if (isRoot && name === SchemaMetaFieldDef.name) return SchemaMetaFieldDef;
  if (isRoot && name === TypeMetaFieldDef.name) return TypeMetaFieldDef;
  if (name === TypeNameMetaFieldDef.name) return TypeNameMetaFieldDef;
  return type.getFields()[name];
}

/**
 * The arguments, if no variable is in them. Undefined if one is an object, which a resolver could change for the others,
 * or cannot be read, which has to fail in each execution.
 */
function constantArgumentsOf(definition: PlannedField['definition'], node: FieldNode): PlannedField['args'] {
  let hasVariable = false;
  visit(node, {
    SelectionSet: () => false,
    Directive: () => false,
    Variable: () => {
      hasVariable = true;
    },
  });
  if (hasVariable) return undefined;
  try {
    const args = getArgumentValues(definition, node);
    return Object.values(args).some((value) => typeof value === 'object' && value !== null) ? undefined : args;
  } catch {
    return undefined;
  }
}
