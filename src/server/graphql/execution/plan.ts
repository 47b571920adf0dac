/** What an operation asks for: worked out as far as an execution comes, and kept for the next. */
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
import { completeOf } from './complete.ts';
import type { AskedField, AskedFields } from './field.ts';
import { type Around, fieldsOf } from './selected.ts';

export class Plan {
  readonly operation: OperationDefinitionNode;
  readonly around: Around;
  readonly root: AskedFields;

  constructor(operation: OperationDefinitionNode, rootType: GraphQLObjectType, around: Around) {
    this.operation = operation;
    this.around = around;
    this.root = this.#fieldsOf(rootType, [operation]);
  }

  /** What is asked of an object of that type, which the field resolves to. */
  below(field: AskedField, type: GraphQLObjectType): AskedFields {
    const known = field.below.get(type);
    if (known !== undefined) return known;
    const fields = this.#fieldsOf(type, field.nodes);
    field.below.set(type, fields);
    return fields;
  }

  #fieldsOf(type: GraphQLObjectType, nodes: readonly (FieldNode | OperationDefinitionNode)[]): AskedFields {
    const sets = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
    const fields: AskedField[] = [];
    for (const [name, fieldNodes] of fieldsOf(type, sets, this.around)) {
      const definition = definitionOf(this.around.schema, type, fieldNodes[0].name.value);
      if (definition !== undefined) fields.push(asked(name, fieldNodes, type, definition));
    }
    return { fields, make: fields.some(({ name }) => name === '__proto__') ? makeBare : makePlain };
  }
}

// The quicker to fill and to print; a field of it cannot go by the one name that the other is for.
const makePlain = () => ({});
const makeBare = () => Object.create(null) as Record<string, unknown>;

function asked(
  name: string,
  nodes: AskedField['nodes'],
  parentType: GraphQLObjectType,
  definition: AskedField['definition'],
): AskedField {
  return {
    name,
    nodes,
    parentType,
    definition,
    resolve: definition.resolve ?? defaultFieldResolver,
    args: constantsOf(definition, nodes[0]),
    isNonNull: isNonNullType(definition.type),
    complete: completeOf(definition.type),
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

/** Not values within values: whoever is given them may change them. Nor what fails, which is to fail each time. */
function constantsOf(definition: AskedField['definition'], node: FieldNode): AskedField['args'] {
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
