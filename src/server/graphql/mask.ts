/** Which errors clients see: expected errors as they are, any other as `Unexpected error.` with the whole in the log. */
import { type ExecutionResult, type FormattedExecutionResult, GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { Logger } from 'pino';
import { Prisma } from '../../../prisma/generated/client/client.ts';
import { isDatabaseUnavailable } from '../../database/is-unavailable.ts';
import { abridge } from '../../database/storable-text.ts';
import { InvalidInputError } from '../../refusal/invalid-input.ts';
import { Refusal } from '../../refusal/refusal.ts';
import { StorageUnavailable } from '../../storage/blob-store.ts';
import type { HttpError } from '../http/http-error.ts';

export const unexpectedMessage = 'Unexpected error.';

/** In characters. */
const maxMessageLength = 1_000;

export type MaskError = (error: unknown) => GraphQLError;

/**
 * Expected are GraphQL's own errors, refusals, rows that were deleted while they were read, files or a database that cannot
 * be reached, and the end of a subscriber that is too slow. Any other error is logged here and masked. Masking a masked
 * error returns it unchanged. Without `hasHints`, GraphQL's suggestions of other names are cut off.
 */
export function createMaskError(log: Logger, { hasHints }: { hasHints: boolean }): MaskError {
  return (error) => {
    const cause = causeOf(error);
    if (cause === null) return shortened(error as GraphQLError, hasHints);
    const location = error instanceof GraphQLError ? { nodes: error.nodes ?? null, path: error.path ?? null } : {};
    if (isDeleted(cause)) return new GraphQLError(deletedMessage, { ...location, extensions: { code: 'NOT_FOUND' } });
    const unavailable = unavailablePart(cause);
    if (unavailable !== undefined) {
      log.warn({ err: cause, path: location.path?.join('.') }, `the ${unavailable} cannot be reached`);
      const message = `The ${unavailable} of this server cannot be reached just now. Try again in a moment.`;
      return new GraphQLError(message, { ...location, extensions: { code: 'SERVICE_UNAVAILABLE', http: tryAgain } });
    }
    const extensions = extensionsOf(cause);
    if (extensions !== null) return new GraphQLError((cause as Error).message, { ...location, extensions });
    log.error({ err: cause, path: location.path?.join('.') }, 'unexpected error');
    // Yoga answers 500 for `unexpected` if there is no data, and does not send it to the client.
    return new GraphQLError(unexpectedMessage, {
      ...location,
      extensions: { code: 'INTERNAL_SERVER_ERROR', unexpected: true },
    });
  };
}

/** GraphQL quotes a value that it rejects in each of its errors, and a value may be a megabyte. */
function shortened(error: GraphQLError, hasHints: boolean): GraphQLError {
  const message = abridge(hasHints ? error.message : error.message.replace(/ Did you mean [^]*/, ''), maxMessageLength);
  if (message === error.message) return error;
  const { nodes = null, source = null, positions = null, path = null, extensions } = error;
  return new GraphQLError(message, { nodes, source, positions, path, extensions });
}

export const maskErrors = (result: ExecutionResult, maskError: MaskError): ExecutionResult =>
  result.errors ? { ...result, errors: result.errors.map(maskError) } : result;

/** A masked error as it is sent: without `http` and `unexpected`, which are for the status of the HTTP response. */
export function formatError(error: GraphQLError): GraphQLFormattedError {
  const { extensions = {}, ...rest } = error.toJSON();
  const { http: _http, unexpected: _unexpected, ...sent } = extensions;
  return Object.keys(sent).length > 0 ? { ...rest, extensions: sent } : rest;
}

/** A result with masked errors as it is sent. */
export const formatResult = ({ errors, ...rest }: ExecutionResult): FormattedExecutionResult =>
  errors ? { ...rest, errors: errors.map(formatError) } : rest;

/** An HttpError as the error of one operation. Over HTTP it keeps its status and headers. */
export const toGraphQLError = ({ message, code, status, headers }: HttpError) =>
  new GraphQLError(message, {
    extensions: {
      code,
      ...(headers['retry-after'] && { retryAfterSeconds: Number(headers['retry-after']) }),
      http: { status, headers },
    },
  });

/** What a resolver threw, without GraphQL's wrappers; null for an error of GraphQL's own. */
function causeOf(error: unknown): unknown {
  let cause = error;
  while (cause instanceof GraphQLError) {
    if (cause.originalError === undefined) return null;
    cause = cause.originalError;
  }
  return cause;
}

function extensionsOf(cause: unknown): Record<string, unknown> | null {
  if (cause instanceof InvalidInputError) return { code: codeOf(cause), issues: cause.issues };
  if (cause instanceof Refusal) return { code: codeOf(cause) };
  if (cause instanceof Error && 'extensions' in cause) {
    const { code } = cause.extensions as { code?: unknown };
    if (code === 'SUBSCRIBER_TOO_SLOW') return { code };
  }
  return null;
}

function unavailablePart(cause: unknown): 'files' | 'database' | undefined {
  if (cause instanceof StorageUnavailable) return 'files';
  return isDatabaseUnavailable(cause) ? 'database' : undefined;
}

const tryAgain = { status: 503, headers: { 'retry-after': '5' } };

const deletedMessage = 'It was deleted while it was being read.';

/** Prisma's P2025: a row was deleted while an answer was read. */
function isDeleted(cause: unknown): boolean {
  return cause instanceof Prisma.PrismaClientKnownRequestError && cause.code === 'P2025';
}

/** NotFoundError is NOT_FOUND. */
const codeOf = (refusal: Refusal) =>
  refusal.name
    .replace(/Error$/, '')
    .replace(/(?<=[a-z])(?=[A-Z])/g, '_')
    .toUpperCase();
