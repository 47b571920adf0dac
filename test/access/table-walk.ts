/** Documents, generated from the schema, that select every field of every object type reachable from a Node type. */
import {
  type GraphQLNamedType,
  type GraphQLObjectType,
  getNamedType,
  isAbstractType,
  isLeafType,
  isObjectType,
  isRequiredArgument,
} from 'graphql';
import { schema } from '../../src/app/schema.ts';

/** `document` selects all fields of the type `at`, on the shortest path to it from the Node type `start`. */
export type Walk = { start: string; at: string; title: string; document: string };

export const objectsOf = (type: GraphQLNamedType): readonly GraphQLObjectType[] =>
  isObjectType(type) ? [type] : isAbstractType(type) ? schema.getPossibleTypes(type) : [];

/** Alias that marks an object of type `at` in an answer, apart from the objects within it. */
export const mark = 'hereIs';

const everyField = (type: GraphQLObjectType) =>
  Object.values(type.getFields())
    .map((field) => {
      const required = field.args.filter(isRequiredArgument).map(({ name }) => name);
      if (required.length > 0)
        throw new Error(`${type.name}.${field.name} requires ${required.join()}: add a value in table-walk.ts.`);
      return isLeafType(getNamedType(field.type)) ? field.name : `${field.name} { __typename }`;
    })
    .join(' ');

/** Breadth-first search from all of them at once. */
export function walksFrom(starts: readonly string[]): Walk[] {
  type Path = { start: string; type: GraphQLObjectType; title: string; around: (selection: string) => string };
  const paths: Path[] = starts.map((start) => ({
    start,
    type: schema.getType(start) as GraphQLObjectType,
    title: start,
    around: (selection) => `... on ${start} { ${selection} }`,
  }));
  const known = new Set(starts);
  for (const { start, type, title, around } of paths) {
    for (const field of Object.values(type.getFields())) {
      for (const next of objectsOf(getNamedType(field.type)).filter(({ name }) => !known.has(name))) {
        known.add(next.name);
        paths.push({
          start,
          type: next,
          title: `${title}.${field.name}: ${next.name}`,
          around: (selection) => around(`${field.name} { ... on ${next.name} { ${selection} } }`),
        });
      }
    }
  }
  return paths.map(({ start, type, title, around }) => ({
    start,
    at: type.name,
    title,
    document: `query ($ids: [ID!]!) { nodes(ids: $ids) { ${around(`${mark}: __typename ${everyField(type)}`)} } }`,
  }));
}
