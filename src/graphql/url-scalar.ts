/** GraphQL: the scalar URL. */
import { GraphQLError, GraphQLScalarType, Kind } from 'graphql';

/** What browsers, proxies and fal take without asking. */
const maxLength = 2048;

export const UrlScalar = new GraphQLScalarType<URL, string>({
  name: 'URL',
  description: `An absolute http or https URL of at most ${maxLength} characters.`,
  specifiedByURL: 'https://url.spec.whatwg.org',
  parseValue: read,
  parseLiteral: (node) => read(node.kind === Kind.STRING ? node.value : undefined),
  serialize: String,
});

function read(value: unknown): URL {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new GraphQLError('A URL is a text such as "https://example.com/picture.jpg": absolute, http or https.');
  }
  if (url.href.length > maxLength) throw new GraphQLError(`A URL has at most ${maxLength} characters.`);
  return url;
}
