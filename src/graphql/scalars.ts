/** GraphQL: the scalars DateTime, URL and File. */
import { GraphQLError, GraphQLScalarType, Kind } from 'graphql';
import { DateTimeResolver } from 'graphql-scalars';
import { UploadedFile } from '../storage/uploaded-file.ts';
import { builder } from './builder.ts';

/** Browsers, proxies and fal accept URLs of this length. */
const maxUrlLength = 2048;

export const UrlScalar = new GraphQLScalarType<URL, string>({
  name: 'URL',
  description: `An absolute http or https URL of at most ${maxUrlLength} characters.`,
  specifiedByURL: 'https://url.spec.whatwg.org',
  parseValue: parseUrl,
  parseLiteral: (node) => parseUrl(node.kind === Kind.STRING ? node.value : undefined),
  serialize: String,
});

function parseUrl(value: unknown): URL {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new GraphQLError('A URL is a text such as "https://example.com/picture.jpg": absolute, http or https.');
  }
  if (url.href.length > maxUrlLength) throw new GraphQLError(`A URL has at most ${maxUrlLength} characters.`);
  return url;
}

const notUploaded =
  'Send a File as the GraphQL multipart request specification says: null in the variables, and the file as a form field.';

export const FileScalar = new GraphQLScalarType<UploadedFile, never>({
  name: 'File',
  description:
    'An uploaded file. Send it as the GraphQL multipart request specification says: null in the variables, and the file as a form field.',
  parseValue: (value) => {
    if (value instanceof UploadedFile) return value;
    throw new GraphQLError(notUploaded);
  },
  parseLiteral: () => {
    throw new GraphQLError(notUploaded);
  },
  serialize: () => {
    throw new TypeError('File is an input type: no field returns one.');
  },
});

const DateTimeScalar = new GraphQLScalarType({
  ...DateTimeResolver.toConfig(),
  description: 'A time in ISO 8601. Answers are in UTC with milliseconds, such as `2027-01-31T10:15:30.123Z`.',
});

builder.addScalarType('DateTime', DateTimeScalar);
builder.addScalarType('URL', UrlScalar);
builder.addScalarType('File', FileScalar);
