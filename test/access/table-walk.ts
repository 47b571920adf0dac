/** Documents that go to every field of every object type that is reached from a Node type, by the schema itself. */
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

/** All fields of the type `at`, on the shortest way to it from one of the Node types; `start` is the one. */
export type Walk = { start: string; at: string; title: string; document: string };

export const objectsOf = (type: GraphQLNamedType): readonly GraphQLObjectType[] =>
  isObjectType(type) ? [type] : isAbstractType(type) ? schema.getPossibleTypes(type) : [];

/** `hereIs` marks the object itself among those within it. */
export const mark = 'hereIs';

const everyField = (type: GraphQLObjectType) =>
  Object.values(type.getFields())
    .map((field) => {
      const required = field.args.filter(isRequiredArgument).map(({ name }) => name);
      if (required.length > 0) throw new Error(`${type.name}.${field.name} needs ${required.join()}: give it here.`);
      return isLeafType(getNamedType(field.type)) ? field.name : `${field.name} { __typename }`;
    })
    .join(' ');

/** Breadth first from all of them at once. */
export function walksFrom(starts: readonly string[]): Walk[] {
  type Way = { start: string; type: GraphQLObjectType; title: string; around: (selection: string) => string };
  const ways: Way[] = starts.map((start) => ({
    start,
    type: schema.getType(start) as GraphQLObjectType,
    title: start,
    around: (selection) => `... on ${start} { ${selection} }`,
  }));
  const known = new Set(starts);
  for (const { start, type, title, around } of ways) {
    for (const field of Object.values(type.getFields())) {
      for (const next of objectsOf(getNamedType(field.type)).filter(({ name }) => !known.has(name))) {
        known.add(next.name);
        ways.push({
          start,
          type: next,
          title: `${title}.${field.name}: ${next.name}`,
          around: (selection) => around(`${field.name} { ... on ${next.name} { ${selection} } }`),
        });
      }
    }
  }
  return ways.map(({ start, type, title, around }) => ({
    start,
    at: type.name,
    title,
    document: `query ($ids: [ID!]!) { nodes(ids: $ids) { ${around(`${mark}: __typename ${everyField(type)}`)} } }`,
  }));
}
